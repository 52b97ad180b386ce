"""The limit of requests per token."""

import hashlib
import time
from functools import partial

from flask import Flask, Response, g
from flask_limiter import Limiter, RateLimitExceeded

from notifyhub.api.http.errors import http_error, throttled

REDIS_TIMEOUT_SECONDS = 1


def init_app(app: Flask) -> None:
    """Limit requests, if a limit is configured: to be called after the guard, which says whose token it is.

    Counts are shared by all processes with NOTIFYHUB_REDIS_URL; without it, or while Redis does not answer,
    each process counts for itself.
    """
    if app.config["RATE_LIMIT"] == "0":
        return
    redis = app.config["REDIS_URL"]
    timeouts: dict[str, str | int] = dict.fromkeys(
        ("socket_timeout", "socket_connect_timeout"), REDIS_TIMEOUT_SECONDS
    )
    limiter = Limiter(
        _token,
        app=app,
        application_limits=[app.config["RATE_LIMIT"]],
        storage_uri=redis or "memory://",
        storage_options=timeouts if redis else None,
        in_memory_fallback_enabled=True,
        key_prefix=_installation(app),
    )
    limiter.request_filter(_is_anonymous)
    app.register_error_handler(RateLimitExceeded, partial(_refuse, limiter))


def _token() -> str:
    return f"token-{g.caller.token_id}"


def _installation(app: Flask) -> str:
    """Return what tells this installation's counts from those of others that use the same Redis."""
    return hashlib.sha256(f"throttle {app.config['SECRET_KEY']}".encode()).hexdigest()[:16]


def _is_anonymous() -> bool:
    return "caller" not in g


def _refuse(limiter: Limiter, _error: RateLimitExceeded) -> Response:
    """Answer 429."""
    limit = limiter.current_limit
    return http_error(throttled(0 if limit is None else limit.window.reset_time - time.time()))
