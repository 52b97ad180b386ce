"""What holds for every request: its id, its URL, its body's arrival."""

import re
import secrets
import ssl
from contextlib import suppress
from typing import Any

from flask import Flask, Request, Response, current_app, g, request
from flask.sessions import SessionInterface
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import BadRequest, NotFound, RequestEntityTooLarge
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.routing import BaseConverter

from notifyhub.config import DEFAULT_BODY_BYTES

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
    app.session_interface = _NoSessions()
    app.before_request(_name)
    app.after_request(_finish)
    hops = app.config["TRUSTED_PROXIES"]
    if hops:
        app.wsgi_app = ProxyFix(app.wsgi_app, hops, hops, hops, hops, hops)  # type: ignore[method-assign]
    app.wsgi_app = _OwnScheme(app.wsgi_app)  # type: ignore[method-assign]


class _NoSessions(SessionInterface):
    """A request's token says who calls; nothing is remembered in cookies."""

    def open_session(self, _app: Flask, _request: Request) -> None:
        """Open none: Flask then gives the request an empty one that can't be written."""


class _OwnScheme:
    """Takes the scheme from the socket: gunicorn believes X-Forwarded-Proto of anybody on the machine."""

    def __init__(self, application: Any) -> None:
        self.application = application

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        if "gunicorn.socket" in environ:
            secure = isinstance(environ["gunicorn.socket"], ssl.SSLSocket)
            environ["wsgi.url_scheme"] = "https" if secure else "http"
        return self.application(environ, start_response)


def limit_body(own: int | None) -> None:
    """Limit the request's body to what is configured, or to a greater limit of its `own`.

    What an operator has made smaller than it is by default holds for every body.
    """
    configured = current_app.config["MAX_BODY_BYTES"]
    if own is not None and configured >= DEFAULT_BODY_BYTES:
        request.max_content_length = max(own, configured)


def read_body() -> None:
    """Read the whole body, which the request keeps; raises RequestEntityTooLarge or BadRequest."""
    try:
        data = request.get_data()
        # Werkzeug cuts a body of unknown length off at the limit and says nothing.
        cut = request.content_length is None and len(data) == request.max_content_length
        if cut and request.environ["wsgi.input"].read(1):
            raise RequestEntityTooLarge
    except ParseException:
        raise BadRequest("Malformed body.") from None


def _name() -> None:
    """Name the request, and refuse what Werkzeug would mend in its URL."""
    given = request.headers.get("X-Request-ID", "")
    g.request_id = given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(16)
    if request.environ["PATH_INFO"].startswith("//"):
        raise NotFound
    if "Host" in request.headers and not request.host:
        raise BadRequest("Invalid Host header.")  # RFC 9112, section 3.2


def _finish(response: Response) -> Response:
    response.headers["X-Request-ID"] = g.request_id
    if response.status_code >= 400:
        _drain()
    return response


def _drain() -> None:
    """Read what the client still sends of a refused body, within bounds.

    A server that closes the connection first makes the client see a reset instead of the answer. Where the
    server does not mark the body's end (`wsgi.input_terminated`) reading on could wait forever.
    """
    if not request.environ.get("wsgi.input_terminated"):
        return
    stream, left = request.environ["wsgi.input"], _DRAINED
    # What can't be read any more, of a broken body or from a client that left, needs no draining.
    with suppress(OSError, ParseException):
        while left > 0 and (chunk := stream.read(min(left, 64 * 1024))):
            left -= len(chunk)
