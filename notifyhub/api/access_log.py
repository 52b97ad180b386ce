"""One line in the log for each request: who asked for what, and how it was answered.

It holds no query, body or header: they may hold recipients and secrets; a path holds ids.
"""

import logging
import time
from urllib.parse import quote

from flask import Flask, Response, current_app, g, request

from notifyhub.api.endpoint import Permission
from notifyhub.api.requests import PROBES
from notifyhub.logs import ACCESS

_GREATEST = 300
_SAFE = "/-._~!$&'()*+,;=:@"

log = logging.getLogger(ACCESS)


def init_app(app: Flask) -> None:
    """Log every request but the probes: to be called before other hooks, which then have the last word."""
    app.before_request(_start)
    app.after_request(_log)


def _start() -> None:
    g.started = time.perf_counter()


def _log(response: Response) -> Response:
    path = request.path
    if path not in PROBES:
        caller = g.get("caller")
        log.info(
            "%s %s %d %.1f ms",
            request.method,
            quote(path, _SAFE, errors="replace")[:_GREATEST],
            response.status_code,
            (time.perf_counter() - g.started) * 1000,
            extra={
                "request_id": g.request_id,
                "user": None if caller is None else caller.name,
                "code": _code(),
            },
        )
    return response


def _code() -> int | None:
    """Return the permission's code that the request needs."""
    declared = current_app.extensions["declarations"].get(request.endpoint)
    access = None if declared is None else declared.access
    return access.code if isinstance(access, Permission) else None
