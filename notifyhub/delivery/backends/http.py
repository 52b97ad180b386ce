"""JSON over HTTP to a provider: one pool of connections per process, everything bounded, nothing repeated.

No redirects, no retries, no proxies from the environment. Credentials stay out of errors and logs: urllib3's
own errors and log records hold URLs, so the errors are replaced by failures and the records are shortened.
"""

import json
import logging
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any, cast
from urllib.parse import urlencode, urlsplit

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection

from notifyhub.delivery.backends.failures import Failure, NotifierTrouble, Uncertain, quote
from notifyhub.delivery.backends.wire import TIMEOUTS, Timeouts, Wire, exchange

SEND_LIMIT = 64 * 1024
LIST_LIMIT = 1024 * 1024


@dataclass(frozen=True)
class Answer:
    """A provider's answer: its JSON in `body`; None if it was none, then `problem` says why."""

    status: int
    body: object = None
    problem: str = ""


class Client:
    """A provider's HTTP address; `headers` go with every request, `secrets` are kept out of every failure."""

    def __init__(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        secrets: Iterable[str] = (),
        timeouts: Timeouts = TIMEOUTS,
    ) -> None:
        self._url = url.rstrip("/")
        self._host = urlsplit(url).netloc.rpartition("@")[2]
        self._headers = {"Accept": "application/json", **(headers or {})}
        self._secrets = tuple(secrets)
        self._timeouts = timeouts

    def get(
        self, path: str, query: Mapping[str, str | int] | None = None, *, limit: int = LIST_LIMIT
    ) -> Answer:
        return self._call("GET", f"{path}?{urlencode(query)}" if query else path, None, limit)

    def post(self, path: str, body: object, *, limit: int = SEND_LIMIT) -> Answer:
        return self._call("POST", path, json.dumps(body).encode(), limit)

    def quote(self, words: str, secrets: Iterable[str] = ()) -> str:
        """Return a provider's words without the credentials and without `secrets`."""
        return quote(words, (*self._secrets, *secrets))

    def _call(self, method: str, path: str, body: bytes | None, limit: int) -> Answer:
        headers = self._headers if body is None else {**self._headers, "Content-Type": "application/json"}
        outcome = self._exchange(method, self._url + path, body, headers, limit)
        if isinstance(outcome, Failure):
            raise outcome  # outside of any `except`, so that no error with a URL is chained to it
        return outcome

    def _exchange(
        self, method: str, url: str, body: bytes | None, headers: Mapping[str, str], limit: int
    ) -> Answer | Failure:
        with exchange(self._timeouts.connect + self._timeouts.read) as current:
            try:
                response = _pool().request(
                    method,
                    url,
                    body=body,
                    headers=headers,
                    retries=False,
                    redirect=False,
                    preload_content=False,
                    timeout=urllib3.Timeout(connect=self._timeouts.connect, read=self._timeouts.read),
                )
            except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
                return self._lost(error, written=current.written)
            try:
                return _read(response, limit)
            except (urllib3.exceptions.HTTPError, OSError) as error:
                lost = self._lost(error, written=True)
                return lost if response.status == 200 else Answer(response.status, problem=lost.detail)
            finally:
                response.close()  # gives up a connection that was not read to its end

    def _lost(self, error: Exception, *, written: bool) -> Failure:
        reason = _reason(error)
        if not written:
            return NotifierTrouble("unreachable", self.quote(f"No connection to {self._host}: {reason}."))
        if isinstance(error, urllib3.exceptions.TimeoutError | TimeoutError):
            return Uncertain("timeout", f"{self._host} did not answer in time.")
        return Uncertain(
            "connection_lost", self.quote(f"The connection to {self._host} broke off: {reason}.")
        )


def required_text(settings: Mapping[str, object], key: str) -> str:
    """Return a setting that goes into a header or a URL; NotifierTrouble if it is missing or odd."""
    value = settings.get(key)
    if not isinstance(value, str) or not value.strip():
        raise NotifierTrouble("bad_settings", f"The notifier's settings hold no {key}.")
    value = value.strip()
    if not re.fullmatch(r"[\x20-\x7e]+", value):
        raise NotifierTrouble("bad_settings", f"The notifier's {key} holds other than ASCII characters.")
    return value


def whole_number(value: object) -> int | None:
    """A whole number of up to 64 bits, also as a string; never a float, which would round an id."""
    if type(value) is int:
        return value
    return int(value) if isinstance(value, str) and re.fullmatch(r"-?\d{1,19}", value, re.ASCII) else None


def _read(response: urllib3.BaseHTTPResponse, limit: int) -> Answer:
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    raw = response.read(limit + 1)
    if len(raw) > limit:
        return Answer(response.status, problem="The answer is too long.")
    if kind not in {"application/json", "text/json"} and not kind.endswith("+json"):
        named = kind if re.fullmatch(r"[\w.+-]{1,40}/[\w.+-]{1,40}", kind, re.ASCII) else "of no type"
        return Answer(response.status, problem=f"The answer is {named}, not JSON.")
    try:
        body = json.loads(raw, parse_float=Decimal, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return Answer(response.status, problem="The answer is not JSON.")
    return Answer(response.status, body, "" if body is not None else "The answer is null.")


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


def _reason(error: BaseException) -> str:
    """The system's own words for what went wrong on the way, which name no URL; else the error's class."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, OSError):
        cause = cause.__cause__ or cause.__context__
    return (cause.strerror if cause else None) or type(cause or error).__name__


class _Connection(HTTPConnection):
    def connect(self) -> None:
        super().connect()
        self.sock = cast("Any", Wire(self.sock))


class _SecureConnection(HTTPSConnection):
    def connect(self) -> None:
        super().connect()
        self.sock = cast("Any", Wire(self.sock))


class _ConnectionPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecureConnectionPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


@lru_cache(1)
def _pool() -> urllib3.PoolManager:
    manager = urllib3.PoolManager(num_pools=16, maxsize=64)
    manager.pool_classes_by_scheme = {"http": _ConnectionPool, "https": _SecureConnectionPool}
    return manager


# A forked worker must not share its parent's sockets.
os.register_at_fork(after_in_child=_pool.cache_clear)


def _shorten_urls(record: logging.LogRecord) -> bool:
    """Cut paths and queries off the URLs of a log record: MeliPayamak's path holds the token."""
    if isinstance(record.args, tuple):
        record.args = tuple(_origin(arg) if isinstance(arg, str) else arg for arg in record.args)
    return True


def _origin(text: str) -> str:
    if text.startswith("/"):
        return "/…"
    scheme, mark, rest = text.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}/…" if mark else text


for _name in ("urllib3.connectionpool", "urllib3.connection"):
    logging.getLogger(_name).addFilter(_shorten_urls)
