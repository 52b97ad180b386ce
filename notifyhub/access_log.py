"""The access log: a line for each answered request.

Lines are made without structlog and some at a time, by a thread of their own: a request pays for noting what
they are made of, and the work that follows finds the processor's caches warm.
"""

import logging
import os
import re
import sys
import threading
import time
from collections import deque
from contextlib import suppress
from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import quote

import orjson
from flask import Flask

from notifyhub.text import log_masks

LOGGER = "notifyhub.access"

_DELAY_SECONDS = 0.1
"""How long a request waits for others to be written together with it."""

_PATH_LENGTH = 300
_PLAIN_PATH = re.compile(rf"[A-Za-z0-9/_.-]{{1,{_PATH_LENGTH}}}")
_SAFE = "/-._~!$&'()*+,;=:@"
_LONG_NUMBER = re.compile(r"(?<![0-9a-f])[0-9]{10,15}(?![0-9a-f])")
_PLAIN_NAME = re.compile(r"[\w.@+-]+")
_CONTROL_CHARACTER = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class AnsweredRequest(NamedTuple):
    """What a line says of a request: no query, body or header, which may hold recipients and secrets.

    `moment` is in seconds since 1970, `has_route` whether there is something at its path, `code` the
    permission that it needs.
    """

    moment: float
    seconds: float
    method: str
    path: str
    has_route: bool
    status: int
    request_id: str
    user: str | None
    code: int | None


class AccessLog(logging.Handler):
    """Writes the lines. It is a handler of logging, whose shutdown then flushes it."""

    def __init__(self, style: str) -> None:
        super().__init__()
        self._line = _json if style == "json" else _console
        self._answered: deque[AnsweredRequest] = deque()
        self._has_some = threading.Event()
        self._is_writing = False
        os.register_at_fork(after_in_child=self._reset)

    def add(self, answered: AnsweredRequest) -> None:
        """Queue a request, whose line is written soon."""
        self._answered.append(answered)
        if not self._has_some.is_set():
            self._has_some.set()
            if not self._is_writing:
                self._is_writing = True
                threading.Thread(target=self._write, name="access log", daemon=True).start()

    def flush(self) -> None:
        """Write what is queued; the end of the process does it, too, maybe while another thread does."""
        self.acquire()
        try:
            lines = [self._line(self._answered.popleft()) for _ in range(len(self._answered))]
            if lines:
                sys.stderr.write("".join(lines))
                sys.stderr.flush()
        finally:
            self.release()

    def _write(self) -> None:
        while self._has_some.wait():
            time.sleep(_DELAY_SECONDS)
            self._has_some.clear()
            with suppress(OSError, ValueError):  # standard error is closed: nobody can be told
                self.flush()

    def _reset(self) -> None:
        self._answered.clear()
        self._has_some = threading.Event()
        self._is_writing = False


def init_app(app: Flask) -> None:
    """Give the application its access log, in the configured format."""
    app.extensions["access_log"] = AccessLog(app.config["LOG_FORMAT"])


def _json(answered: AnsweredRequest) -> str:
    path = _path(answered)
    event = {
        "event": f"{answered.method} {path} {answered.status}",
        "method": answered.method,
        "path": path,
        "status": answered.status,
        "ms": round(1000 * answered.seconds, 1),
        "user": answered.user,
        "code": answered.code,
        "request_id": _request_id(answered),
        "level": "info",
        "logger": LOGGER,
        "timestamp": _timestamp(answered),
    }
    return orjson.dumps(event, option=orjson.OPT_APPEND_NEWLINE).decode()


def _console(answered: AnsweredRequest) -> str:
    event = f"{answered.method} {_path(answered)} {answered.status} {1000 * answered.seconds:.1f} ms"
    by = "" if answered.user is None else f" user={_quoted(answered.user)}"
    needed = "" if answered.code is None else f" code={answered.code}"
    ids = f"{by}{needed} request_id={_request_id(answered)}"
    return f"{_timestamp(answered)} [info     ] {event:<30} [{LOGGER}]{ids}\n"


def _timestamp(answered: AnsweredRequest) -> str:
    moment = datetime.fromtimestamp(answered.moment, UTC)
    return moment.isoformat(timespec="microseconds")[:26] + "Z"


def _path(answered: AnsweredRequest) -> str:
    path = answered.path
    if not answered.has_route or _LONG_NUMBER.search(path):  # it may be anything
        path = log_masks.mask(path)
    return path if _PLAIN_PATH.fullmatch(path) else quote(path, _SAFE, errors="replace")[:_PATH_LENGTH]


def _request_id(answered: AnsweredRequest) -> str:
    """Return the request's id, which clients may choose."""
    given = answered.request_id
    return log_masks.mask(given) if _LONG_NUMBER.search(given) else given


def _quoted(name: str) -> str:
    """Return a name, quoted where it could pass for another field or line."""
    if _PLAIN_NAME.fullmatch(name):
        return name
    return _CONTROL_CHARACTER.sub(lambda found: repr(found[0])[1:-1], repr(name))
