"""What holds for every request: its id, its URL and host, its body's arrival."""

import re
import ssl
from contextlib import suppress
from functools import partial
from random import getrandbits
from time import perf_counter, time
from typing import Any

from flask import Flask, Request, Response, current_app, g, request
from flask.sessions import SessionInterface
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import BadRequest, NotFound, RequestEntityTooLarge
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.routing import BaseConverter

from notifyhub import instruments
from notifyhub.access_log import AnsweredRequest
from notifyhub.api.endpoint import Permission
from notifyhub.config import DEFAULT_BODY_BYTES
from notifyhub.extensions import cors
from notifyhub.process.security_headers import OF_PAGES, SecurityHeaders
from notifyhub.text import origins

_REQUEST_ID = re.compile(r"[A-Za-z0-9_.:-]{8,128}")
_MAX_ID = 2**63 - 1
_MAX_DRAINED_BYTES = 16 * 1024 * 1024
_DRAIN_SECONDS = 5.0
PROBES = frozenset({"/healthz", "/readyz", "/metrics"})
"""Asked by address, mostly, and by machines alone: no host is wrong for them, and the log leaves them out."""

EXPOSED = (
    "Idempotent-Replayed",
    "RateLimit-Limit",
    "RateLimit-Remaining",
    "RateLimit-Reset",
    "Retry-After",
    "X-Request-ID",
)
"""Headers that pages of the configured origins may read."""


class IdConverter(BaseConverter):
    """An object's id in a path: ASCII digits. One beyond 64 bits becomes one that no object has."""

    regex = "[0-9]+"

    def to_python(self, value: str) -> int:
        digits = value.lstrip("0") or "0"
        return min(int(digits), _MAX_ID) if len(digits) < 20 else _MAX_ID


def init_app(app: Flask) -> None:
    """Set up routing, proxies and the request's id: to be called before the blueprints are registered."""
    app.url_map.converters["id"] = IdConverter
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    app.session_interface = _NoSessions()
    app.before_request(partial(_name, app))
    app.after_request(partial(_finish, app))
    if app.config["CORS_ORIGINS"]:
        _allow_origins(app, app.config["CORS_ORIGINS"])
    app.wsgi_app = SecurityHeaders(app.wsgi_app)  # type: ignore[method-assign]
    hops = app.config["TRUSTED_PROXIES"]
    if hops:
        app.wsgi_app = _Proxies(app.wsgi_app, hops, bool(app.config["ALLOWED_HOSTS"]))  # type: ignore[method-assign]
    app.wsgi_app = _OwnScheme(app.wsgi_app)  # type: ignore[method-assign]


def _allow_origins(app: Flask, origins: list[str]) -> None:
    """Let pages of these origins read the API's answers."""
    cors.init_app(
        app,
        resources=r"/api/*",
        # As patterns: a text that looks like one, as IPv6 addresses do, would be taken as one.
        origins=[re.compile(re.escape(origin) + r"\Z") for origin in origins],
        always_send=False,
        expose_headers=EXPOSED,
        supports_credentials=False,
        vary_header=False,
    )
    app.after_request(_vary)


def _vary(response: Response) -> Response:
    """Keep an answer to one origin from being given to another, where it has no CORS headers too."""
    response.vary.add("Origin")
    return response


class _NoSessions(SessionInterface):
    """A request's token says who calls; nothing is kept in cookies."""

    def open_session(self, _app: Flask, _request: Request) -> None:
        """Open none: Flask then gives the request an empty one that can't be written."""


class _Proxies:
    """Takes the client's address and scheme from proxies; the host only where it is then checked.

    A prefix counts for nothing: it would become a part of every link of the documentation's page.
    """

    def __init__(self, application: Any, hops: int, takes_host: bool) -> None:
        self.proxied = ProxyFix(application, hops, hops, hops if takes_host else 0, 0, 0)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        schemes = environ.get("HTTP_X_FORWARDED_PROTO", "").split(",")
        if not {scheme.strip() for scheme in schemes} <= {"http", "https"}:
            environ.pop("HTTP_X_FORWARDED_PROTO", None)
        return self.proxied(environ, start_response)


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

    What an operator has made smaller than it is by default holds for every body. A form's fields may be as
    long as all of it.
    """
    configured = current_app.config["MAX_BODY_BYTES"]
    if own is not None and configured >= DEFAULT_BODY_BYTES:
        request.max_content_length = max(own, configured)
    request.max_form_memory_size = request.max_content_length


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


def _name(app: Flask) -> None:
    """Name the request, and refuse what Werkzeug would mend in its URL."""
    asked, facts = _current()
    facts.started = perf_counter()
    environ = asked.environ
    given = environ.get("HTTP_X_REQUEST_ID", "")
    # Not `secrets`: a name has to be one of its kind, not to be kept; the system's randomness is a call each.
    facts.request_id = given if _REQUEST_ID.fullmatch(given) else f"{getrandbits(128):032x}"
    if environ["PATH_INFO"].startswith("//"):
        raise NotFound
    _check_host(asked, app.config["ALLOWED_HOSTS"])


def _check_host(asked: Request, allowed: frozenset[str]) -> None:
    """Refuse a host that is none (RFC 9112, section 3.2) or not ours."""
    environ, is_probe = asked.environ, asked.path in PROBES
    if "HTTP_HOST" in environ:
        wrong = not asked.host
    else:
        wrong = environ.get("SERVER_PROTOCOL") == "HTTP/1.1" and not is_probe
    if wrong or (allowed and not is_probe and origins.without_port(asked.host) not in allowed):
        raise BadRequest("Invalid Host header.")


def _finish(app: Flask, response: Response) -> Response:
    """Add what every answer carries; count the request, and log it."""
    asked, facts = _current()
    headers = response.headers
    headers.add("X-Request-ID", facts.request_id)
    if "Cache-Control" not in headers:  # as assets have it
        headers.add("Cache-Control", "no-store")  # it may hold secrets
    if response.mimetype == "text/html":
        headers.extend(OF_PAGES)
    if response.status_code >= 400:
        _drain()
    seconds = perf_counter() - facts.started
    route = None if asked.url_rule is None else asked.url_rule.rule
    instruments.count_request(asked.method, route, response.status_code, seconds)
    _log(app, asked, facts, response.status_code, seconds)
    return response


def _current() -> tuple[Request, Any]:
    """Return the request and its `g` themselves: each use of what stands for them is a look-up."""
    return request._get_current_object(), g._get_current_object()  # type: ignore[attr-defined]


def _drain() -> None:
    """Read what the client still sends of a refused body, within bounds of size and time.

    A server that closes the connection first makes the client see a reset instead of the answer. Where the
    server does not mark the body's end (`wsgi.input_terminated`) reading on could wait forever.
    """
    environ = request.environ
    if environ.get("notifyhub.server_drains") or not environ.get("wsgi.input_terminated"):
        return
    stream, left, end = environ["wsgi.input"], _MAX_DRAINED_BYTES, perf_counter() + _DRAIN_SECONDS
    # What can't be read any more, of a broken body or from a client that left, needs no draining.
    with suppress(OSError, ParseException, RequestEntityTooLarge):
        while left > 0 and perf_counter() < end and (chunk := stream.read(min(left, 64 * 1024))):
            left -= len(chunk)


def _log(app: Flask, asked: Request, facts: Any, status: int, seconds: float) -> None:
    if asked.path in PROBES:
        return
    caller = facts.get("caller")
    app.extensions["access_log"].add(
        AnsweredRequest(
            time(),
            seconds,
            asked.method,
            asked.path,
            asked.url_rule is not None,
            status,
            facts.request_id,
            None if caller is None else caller.name,
            _permission_code(app, asked.endpoint),
        )
    )


def _permission_code(app: Flask, endpoint: str | None) -> int | None:
    declared = app.extensions["declarations"].get(endpoint)
    access = None if declared is None else declared.access
    return access.code if isinstance(access, Permission) else None
