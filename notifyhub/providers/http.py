"""JSON over HTTP to a provider; what goes wrong is raised as a failure, without credentials."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from urllib.parse import quote as url_quoted
from urllib.parse import urlencode, urlsplit

from notifyhub.providers.errors import MAX_RETRY_AFTER, Failure, NotifierTrouble, Uncertain, quote
from notifyhub.providers.sockets import TIMEOUTS, Timeouts
from notifyhub.providers.transport import Lost, Received, is_timeout, reason, request, shared_pool
from notifyhub.text import retry_after

MAX_ANSWER_BYTES = 64 * 1024
MAX_LIST_BYTES = 1024 * 1024

_request_id: ContextVar[str | None] = ContextVar("request_id", default=None)


@contextmanager
def asked_by(request_id: str | None) -> Iterator[None]:
    """Have the calls inside the block name the request, if it is known, that has asked for them."""
    token = _request_id.set(request_id)
    try:
        yield
    finally:
        _request_id.reset(token)


@dataclass(frozen=True)
class Answer:
    """A provider's answer: its JSON in `body`; None if it was none, then `problem` says why.

    `retry_after` is how many seconds it asks to wait, at most MAX_RETRY_AFTER, None if it does not say.
    """

    status: int
    body: object = None
    problem: str = ""
    retry_after: float | None = None


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
        self, path: str, query: Mapping[str, str | int] | None = None, *, limit: int = MAX_LIST_BYTES
    ) -> Answer:
        return self._call("GET", f"{path}?{urlencode(query)}" if query else path, None, limit)

    def post(self, path: str, body: object, *, limit: int = MAX_ANSWER_BYTES) -> Answer:
        return self._call("POST", path, json.dumps(body).encode(), limit)

    def quote(self, words: str, secrets: Iterable[str] = ()) -> str:
        """Return a provider's words without the credentials and without `secrets`."""
        return quote(words, (*self._secrets, *secrets))

    def _call(self, method: str, path: str, body: bytes | None, limit: int) -> Answer:
        headers = self._headers if body is None else {**self._headers, "Content-Type": "application/json"}
        if request_id := _request_id.get():
            headers = {**headers, "X-Request-ID": request_id}
        outcome = self._exchange(method, self._url + path, body, headers, limit)
        if isinstance(outcome, Failure):
            raise outcome  # outside of any `except`, so that no error with a URL is chained to it
        return outcome

    def _exchange(
        self, method: str, url: str, body: bytes | None, headers: Mapping[str, str], limit: int
    ) -> Answer | Failure:
        came = request(shared_pool(), method, url, body, headers, limit=limit, timeouts=self._timeouts)
        if isinstance(came, Lost):
            return self._lost(came.error, written=came.written)
        if came.error is None:
            return Answer(came.status, *_read(came, limit), _retry_after(came))
        lost = self._lost(came.error, written=True)
        if came.status == 200:
            return lost
        return Answer(came.status, problem=lost.detail, retry_after=_retry_after(came))

    def _lost(self, error: Exception, *, written: bool) -> Failure:
        if not written:
            return NotifierTrouble(
                "unreachable", self.quote(f"No connection to {self._host}: {reason(error)}.")
            )
        if is_timeout(error):
            return Uncertain("timeout", f"{self._host} did not answer in time.")
        return Uncertain("connection_lost", self.quote(f"No answer from {self._host}: {reason(error)}."))


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


def path_segment(value: str, name: str) -> str:
    """Return a value fit to be one segment of a URL's path; NotifierTrouble for one that never is.

    "." and "..", encoded ones too, are taken out of a path on its way, by clients, proxies and servers.
    """
    if value in {".", ".."}:
        raise NotifierTrouble("bad_settings", f"The notifier's {name} can't be {value}")
    return url_quoted(value, safe="")


def _read(came: Received, limit: int) -> tuple[object, str]:
    """Return the JSON of an answer, or None and why it is none."""
    kind = came.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if len(came.body) > limit:
        return None, "The answer is too long."
    if kind not in {"application/json", "text/json"} and not kind.endswith("+json"):
        named = kind if re.fullmatch(r"[\w.+-]{1,40}/[\w.+-]{1,40}", kind, re.ASCII) else "of no type"
        return None, f"The answer is {named}, not JSON."
    try:
        body = json.loads(came.body, parse_float=Decimal, parse_constant=_refuse_constant)
    except (ValueError, ArithmeticError, RecursionError):
        return None, "The answer is not JSON."
    return body, "" if body is not None else "The answer is null."


def _retry_after(came: Received) -> float | None:
    most = timedelta(seconds=MAX_RETRY_AFTER)
    wait = retry_after.parse(came.headers.get("Retry-After"), datetime.now(UTC), most)
    return None if wait is None else wait.total_seconds()


def _refuse_constant(name: str) -> None:
    raise ValueError(name)
