"""The one HTTP client, for providers and webhooks alike: everything bounded, nothing repeated.

No redirects, no retries, no proxies from the environment. Interim answers are read over (RFC 9110, 15.2). A
connection on which more has come than was asked for is not used again. urllib3's own errors and log records
hold URLs, which may hold secrets: the first are reduced to their reason, the second are shortened.
"""

import errno
import io
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from http.client import HTTPException, HTTPResponse, IncompleteRead, LineTooLong
from typing import Any, cast

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError

from notifyhub.providers.sockets import TIMEOUTS, Permit, Timeouts, Wire, allow, connect, exchange, has_rest

MAX_HEADER_BYTES = 64 * 1024
"""Bytes of an answer's headers, those of its interim answers included."""
MAX_LINE_BYTES = 64 * 1024
FIRST_READ_BYTES = 1024
"""Bytes of a body that are kept even if the rest of it does not come."""

_ERRORS = (HTTPError, HTTPException, OSError, ValueError, ArithmeticError)
"""What is raised where something goes wrong on the way, or an answer is none."""

Pool = urllib3.PoolManager | urllib3.HTTPConnectionPool


@dataclass(frozen=True)
class Received:
    """An answer; `error` says why its body is not whole, which may be cut after the limit, too."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    error: Exception | None = None


@dataclass(frozen=True)
class Lost:
    """No answer came; `written` says whether any of the request had left."""

    error: Exception
    written: bool


def request(
    pool: Pool,
    method: str,
    url: str,
    body: bytes | None,
    headers: Mapping[str, str],
    *,
    limit: int,
    timeouts: Timeouts = TIMEOUTS,
    decode: bool = True,
) -> Received | Lost:
    """Send a request and return what came of it, at most one byte more than `limit` of its body.

    The time-outs together are the time that all of it takes, from the look-up of the name to the last byte.
    """
    with exchange(timeouts.connect + timeouts.read) as current:
        try:
            response = pool.urlopen(
                method,
                url,
                body=body,
                headers=headers,
                retries=False,
                redirect=False,
                preload_content=False,
                decode_content=decode,
                timeout=urllib3.Timeout(connect=timeouts.connect, read=timeouts.read),
            )
        except _ERRORS as error:
            return Lost(error, current.written)
        allow(limit + MAX_HEADER_BYTES)  # room for chunks' sizes, and for trailers
        return _received(response, limit)


def reason(error: BaseException) -> str:
    """Return what went wrong on the way, mostly in the system's own words, none of which name the URL."""
    causes = _causes(error)
    system = next((cause for cause in causes if isinstance(cause, OSError)), None)
    if system is not None:
        return system.strerror or "the connection broke off"
    if any(isinstance(cause, UnicodeError) for cause in causes):
        return "this is not the name of a host"
    if any(isinstance(cause, IncompleteRead) for cause in causes):
        return "the connection broke off"
    return "what came is not HTTP" if isinstance(error, _ERRORS) else type(error).__name__


def is_timeout(error: BaseException) -> bool:
    """Return whether time has run out."""
    return any(isinstance(cause, TimeoutError | urllib3.exceptions.TimeoutError) for cause in _causes(error))


def shared_pool() -> urllib3.PoolManager:
    """Return this process's pool of connections, which are kept for further requests."""
    return _shared_pool()


def checked_pool(scheme: str, host: str, port: int | None, permit: Permit) -> urllib3.HTTPConnectionPool:
    """Return a pool for one host, which connects only to addresses that `permit` lets pass; to be closed."""
    kind = _SecureConnectionPool if scheme == "https" else _ConnectionPool
    return kind(host, port, maxsize=1, permit=permit)


def _received(response: urllib3.BaseHTTPResponse, limit: int) -> Received:
    body, problem = b"", None
    first = min(FIRST_READ_BYTES, limit)
    try:
        for amount in (first, limit + 1 - first):
            body += response.read(amount)
    except _ERRORS as error:
        problem = error
    finally:
        response.close()  # gives up a connection that was not read to its end
    return Received(response.status, response.headers, body, problem)


def _causes(error: BaseException) -> list[BaseException]:
    causes, cause = [], error
    while cause is not None and cause not in causes:
        causes.append(cause)
        cause = cast("BaseException", cause.__cause__ or cause.__context__)
    return causes


class _Response(HTTPResponse):
    """An answer whose interim answers are read over, of which http.client knows one alone (100)."""

    def __init__(self, sock: Any, *args: Any, **options: Any) -> None:
        super().__init__(sock, *args, **options)
        self._wire = cast("Wire", sock)

    def begin(self, *args: Any, **options: Any) -> None:
        allow(MAX_HEADER_BYTES)
        super().begin(*args, **options)

    def _read_status(self) -> tuple[str, int, str]:
        while True:
            version, status, words = super()._read_status()  # type: ignore[misc]
            if not 100 <= status < 200:
                return version, status, words
            if status == 101:  # nobody has asked for it: what follows is not HTTP
                raise OSError(errno.EPROTO, "it switches to another protocol, which nobody has asked for")
            _skip_headers(self.fp)

    def _close_conn(self) -> None:
        if self.fp is not None and has_rest(self.fp):
            self._wire.spoiled = True
        super()._close_conn()  # type: ignore[misc]


def _skip_headers(file: io.BufferedIOBase) -> None:
    while (line := file.readline(MAX_LINE_BYTES + 1)) not in {b"\r\n", b"\n", b""}:
        if len(line) > MAX_LINE_BYTES:
            raise LineTooLong("header line")


class _Connection(HTTPConnection):
    def __init__(self, *args: Any, permit: Permit | None = None, **options: Any) -> None:
        super().__init__(*args, **options)
        self._permit = permit
        self._begun: _Response | None = None

    def response_class(self, *args: Any, **options: Any) -> _Response:  # type: ignore[override]
        """Make the object that reads an answer."""
        self._begun = _Response(*args, **options)
        return self._begun

    def getresponse(self) -> urllib3.HTTPResponse:  # type: ignore[override]
        """Return the answer; close one that urllib3 refuses, as it leaves that to the garbage collection."""
        try:
            return super().getresponse()
        except BaseException:
            if self._begun is not None:
                self._begun.close()
            raise
        finally:
            self._begun = None

    def _new_conn(self) -> Any:
        seconds = cast("float", self.timeout)
        return connect(self._dns_host, self.port, seconds, options=self.socket_options, permit=self._permit)

    def connect(self) -> None:
        super().connect()
        self.sock = cast("Any", Wire(cast("Any", self.sock)))

    @property
    def is_connected(self) -> bool:
        wire = cast("Wire | None", self.sock)
        if wire is None or wire.spoiled:
            return False
        pending = getattr(wire, "pending", None)  # what TLS has unpacked, of which the socket shows nothing
        return not (pending and pending()) and super().is_connected


class _SecureConnection(_Connection, HTTPSConnection):
    """The same with TLS, which checks the certificate against the host's name."""


class _ConnectionPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecureConnectionPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


@lru_cache(1)
def _shared_pool() -> urllib3.PoolManager:
    manager = urllib3.PoolManager(num_pools=16, maxsize=64)
    manager.pool_classes_by_scheme = {"http": _ConnectionPool, "https": _SecureConnectionPool}
    return manager


# A forked worker must not share its parent's sockets.
os.register_at_fork(after_in_child=_shared_pool.cache_clear)


def _shorten(record: logging.LogRecord) -> bool:
    """Cut paths and queries off the URLs of a log record, and what a peer has sent."""
    if isinstance(record.args, tuple):
        record.args = tuple(_short(arg) for arg in record.args)
    record.exc_info = None
    return True


def _short(arg: object) -> object:
    if isinstance(arg, Exception):
        return type(arg).__name__
    if not isinstance(arg, str):
        return arg
    if arg.startswith("/"):
        return "/…"
    scheme, mark, rest = arg.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}/…" if mark else arg


for _name in ("urllib3.connectionpool", "urllib3.connection"):
    logging.getLogger(_name).addFilter(_shorten)
