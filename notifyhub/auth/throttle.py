"""The limit of requests per token."""

from flask import Flask, g

from notifyhub.extensions import limiter


def init_app(app: Flask) -> None:
    """Limit requests, if a limit is configured: to be called after the guard, which says whose token it is.

    Counts are shared by all processes with NOTIFYHUB_REDIS_URL; without it, or while Redis does not answer,
    each process counts for itself.
    """
    if app.config["RATE_LIMIT"] == "0":
        return
    app.config.update(
        RATELIMIT_APPLICATION=app.config["RATE_LIMIT"],
        RATELIMIT_STORAGE_URI=app.config["REDIS_URL"] or "memory://",
        RATELIMIT_IN_MEMORY_FALLBACK_ENABLED=True,
        RATELIMIT_HEADERS_ENABLED=True,
    )
    limiter.init_app(app)
    limiter.request_filter(_is_anonymous)
    limiter._key_func = _token


def _token() -> str:
    return f"token-{g.caller.token_id}"


def _is_anonymous() -> bool:
    return "caller" not in g
