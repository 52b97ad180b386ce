"""The HTTP client of webhooks: it connects to checked addresses alone, and everything is bounded.

No redirects, no retries, no proxies from the environment; a connection for each request, so that each is
checked. What may be secret in a URL, its path and query, stays out of errors.
"""

import socket
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any, cast
from urllib.parse import SplitResult

from urllib3 import BaseHTTPResponse
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError
from urllib3.exceptions import TimeoutError as HTTPTimeoutError

from notifyhub.delivery.backends.addresses import connect
from notifyhub.delivery.backends.wire import TIMEOUTS, Timeouts, Wire, exchange
from notifyhub.text.hosts import Address, Allowed
from notifyhub.webhooks.targets import InvalidTarget, check_address, check_url, split

SHOWN = 1024
READ = 64 * 1024
"""Bytes of an answer's body that are kept, and that are read at most."""

_HEADERS = {"Content-Type": "application/json", "User-Agent": "NotifyHub"}


@dataclass(frozen=True)
class Answer:
    """What came back: a status with the beginning of the body, or none, and why, in `error`."""

    status: int | None
    body: str | None = None
    error: str | None = None
    retry_after: str | None = None


def post(
    url: str, body: str, headers: Mapping[str, str], allowed: Allowed, timeouts: Timeouts = TIMEOUTS
) -> Answer:
    """Send a body to a URL; whatever goes wrong is told in the answer."""
    try:
        check_url(url, allowed)  # the operator may allow less than when it was stored
        return _exchange(split(url), body.encode(), {**_HEADERS, **headers}, allowed, timeouts)
    except InvalidTarget as refusal:
        return Answer(None, error=str(refusal))
    except (HTTPTimeoutError, TimeoutError):
        return Answer(None, error="The receiver did not answer in time.")
    except (HTTPError, HTTPException, OSError, ValueError) as error:
        return Answer(None, error=f"No answer from the receiver: {_reason(error)}.")


def _exchange(
    url: SplitResult, body: bytes, headers: Mapping[str, str], allowed: Allowed, timeouts: Timeouts
) -> Answer:
    kind = _SecureConnection if url.scheme == "https" else _Connection
    connection = kind(url.hostname or "", url.port, timeout=timeouts.connect)
    connection.url, connection.allowed = url, allowed
    with exchange(timeouts.connect + timeouts.read):
        try:
            connection.connect()
            connection.timeout = timeouts.read
            path = (url.path or "/") + (f"?{url.query}" if url.query else "")
            connection.request("POST", path, body, headers, preload_content=False, decode_content=False)
            response = connection.getresponse()
            return Answer(response.status, _beginning(response), None, response.headers.get("Retry-After"))
        finally:
            connection.close()


def _beginning(response: BaseHTTPResponse) -> str:
    """Return the beginning of a body, which is read a bit further, as far as it comes.

    The status has said it all: what is wrong with the body changes nothing.
    """
    head = b""
    try:
        head = response.read(SHOWN)
        response.read(READ - SHOWN)
    except (HTTPError, HTTPException, OSError):
        pass
    finally:
        response.close()
    return head.decode(errors="replace").replace("\0", "\ufffd")


class _Connection(HTTPConnection):
    """Connects to those addresses of its host alone that are allowed."""

    url: SplitResult
    allowed: Allowed

    def _new_conn(self) -> socket.socket:
        def check(address: Address) -> None:
            check_address(address, self.url, self.allowed)

        return connect(self._dns_host, self.port or 0, cast("float", self.timeout), check)

    def connect(self) -> None:
        super().connect()
        self.sock = cast("Any", Wire(cast("socket.socket", self.sock)))


class _SecureConnection(_Connection, HTTPSConnection):
    """The same with TLS, which checks the certificate against the host's name."""


def _reason(error: BaseException) -> str:
    """Return what went wrong, mostly in the system's own words, none of which name the URL."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, OSError):
        cause = cause.__cause__ or cause.__context__
    if cause is not None:
        return cause.strerror or "the connection broke off"
    return "what came is not HTTP" if isinstance(error, HTTPException) else type(error).__name__
