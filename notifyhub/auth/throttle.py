"""The limit of requests per token, and what answers say of it.

RateLimit-Limit, -Remaining and -Reset are those of draft-ietf-httpapi-ratelimit-headers-06, which clients
know; later drafts put the same into one structured field. flask-limiter's own are others: a moment instead
of seconds, and Retry-After where there is nothing to wait for.
"""

import hashlib
import math
import time
from functools import partial
from typing import Any

from flask import Flask, Response, g
from flask_limiter import Limiter, RateLimitExceeded, RequestLimit
from redis.exceptions import RedisError

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
    limiter = Limiter(
        _token,
        app=app,
        application_limits=[app.config["RATE_LIMIT"]],
        storage_uri=redis or "memory://",
        storage_options=redis_timeouts() if redis else None,
        in_memory_fallback_enabled=True,
        key_prefix=installation(app),
    )
    limiter.request_filter(_is_anonymous)
    app.register_error_handler(RateLimitExceeded, partial(_refuse, limiter))
    app.after_request(partial(_show, limiter))


def redis_timeouts() -> dict[str, Any]:
    """Return the options of a storage in Redis by which one that hangs is not waited for."""
    return dict.fromkeys(("socket_timeout", "socket_connect_timeout"), REDIS_TIMEOUT_SECONDS)


def installation(app: Flask) -> str:
    """Return what tells this installation's counts from those of others that use the same Redis."""
    return hashlib.sha256(f"throttle {app.config['SECRET_KEY']}".encode()).hexdigest()[:16]


def _token() -> str:
    return f"token-{g.caller.token_id}"


def _is_anonymous() -> bool:
    return "caller" not in g


def _refuse(limiter: Limiter, _error: RateLimitExceeded) -> Response:
    """Answer 429."""
    limit = _tightest(limiter)
    return http_error(throttled(0 if limit is None else _seconds_left(limit)))


def _show(limiter: Limiter, response: Response) -> Response:
    """Say how much of the limit is left, in each answer to a request that counts."""
    if (limit := _tightest(limiter)) is not None:
        response.headers["RateLimit-Limit"] = str(limit.limit.amount)
        response.headers["RateLimit-Remaining"] = str(limit.window.remaining)
        response.headers["RateLimit-Reset"] = str(max(math.ceil(_seconds_left(limit)), 1))
    return response


def _tightest(limiter: Limiter) -> RequestLimit | None:
    """Return the limit with the least left; of those that are used up, the one that is longest so.

    None if no limit was looked at, or if Redis has gone since.
    """
    try:
        return min(
            limiter.current_limits,
            key=lambda limit: (limit.window.remaining, -limit.window.reset_time),
            default=None,
        )
    except RedisError:
        return None


def _seconds_left(limit: RequestLimit) -> float:
    return limit.window.reset_time - time.time()
