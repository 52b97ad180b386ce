"""What holds for every request: its id, its URL, its body's arrival."""

import re
import secrets
import ssl
from typing import Any

from flask import Flask, Response, g, request
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.routing import BaseConverter

_REQUEST_ID = re.compile(r"[A-Za-z0-9_.:-]{8,128}")
_GREATEST = 2**63 - 1
_DRAINED = 16 * 1024 * 1024


class IdConverter(BaseConverter):
    """An object's id in a path: ASCII digits. One beyond 64 bits becomes one that no object has."""

    regex = "[0-9]+"

    def to_python(self, value: str) -> int:
        digits = value.lstrip("0") or "0"
        return min(int(digits), _GREATEST) if len(digits) < 20 else _GREATEST


def init_app(app: Flask) -> None:
    """Set up routing, proxies and the request's id: to be called before the blueprints are registered."""
    app.url_map.converters["id"] = IdConverter
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    app.before_request(_name)
    app.after_request(_finish)
    hops = app.config["TRUSTED_PROXIES"]
    if hops:
        app.wsgi_app = ProxyFix(app.wsgi_app, hops, hops, hops, hops, hops)  # type: ignore[method-assign]
    app.wsgi_app = _OwnScheme(app.wsgi_app)  # type: ignore[method-assign]


class _OwnScheme:
    """Takes the scheme from the socket: gunicorn believes X-Forwarded-Proto of anybody on the machine."""

    def __init__(self, application: Any) -> None:
        self.application = application

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        if "gunicorn.socket" in environ:
            secure = isinstance(environ["gunicorn.socket"], ssl.SSLSocket)
            environ["wsgi.url_scheme"] = "https" if secure else "http"
        return self.application(environ, start_response)


def _name() -> None:
    given = request.headers.get("X-Request-ID", "")
    g.request_id = given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(16)


def _finish(response: Response) -> Response:
    response.headers["X-Request-ID"] = g.request_id
    if response.status_code >= 400:
        _drain()
    return response


def _drain() -> None:
    """Read what the client still sends of a refused body, within bounds.

    A server that closes the connection first makes the client see a reset instead of the answer.
    """
    left = min(request.content_length or 0, _DRAINED) if "wsgi.input" in request.environ else 0
    stream = request.environ.get("wsgi.input")
    while left > 0 and stream is not None and (chunk := stream.read(min(left, 64 * 1024))):
        left -= len(chunk)
