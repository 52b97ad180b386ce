"""Logging: one line for each event, as JSON or for a person's eyes, with the request's id."""

import logging
import re
import sys
import time
import traceback
from collections.abc import Hashable
from pathlib import Path
from typing import TextIO, cast

import structlog
from flask import Flask, g, has_request_context
from flask.logging import wsgi_errors_stream
from structlog.typing import EventDict, Processor, WrappedLogger

_SHARED = (
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
)
_HANDLER = "notifyhub"
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def init_app(app: Flask) -> None:
    """Send the process's log to standard error in the configured format, other libraries' warnings included.

    Requests' bodies and headers are never logged.
    """
    handler: logging.Handler = logging.StreamHandler(cast("TextIO", wsgi_errors_stream))
    handler.name = _HANDLER
    handler.setFormatter(_formatter(app.config["LOG_FORMAT"]))
    root = logging.getLogger()
    root.handlers[:] = [other for other in root.handlers if other.name != _HANDLER] + [handler]
    logging.getLogger("notifyhub").setLevel(logging.INFO)


def _formatter(style: str) -> logging.Formatter:
    last: list[Processor]
    if style == "json":
        last = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(ensure_ascii=False)]
    else:
        # The renderer's own choice of traceback may show the values of variables, secrets among them.
        last = [
            _escape_control_characters,
            structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
            ),
        ]
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*_SHARED, _add_request_id],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
    )


def _escape_control_characters(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Keep what a client sent, such as a path, from looking like another line of the log."""
    event["event"] = _CONTROL.sub(lambda found: repr(found[0])[1:-1], str(event["event"]))
    return event


def _add_request_id(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    if has_request_context() and "request_id" in g:
        event["request_id"] = g.request_id
    return event


FRAMES = 8


def outline(error: BaseException) -> str:
    """Return in one line what was raised and where, without the error's words, which may hold secrets."""
    frames = traceback.extract_tb(error.__traceback__)[-FRAMES:]
    places = " > ".join(f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames)
    cause = error.__cause__ or error.__context__
    after = f" after {outline(cause)}" if cause else ""
    return f"{type(error).__name__} at {places}{after}"


class Seldom:
    """Tells whether a line is due that many events would write: for each key once in so many seconds."""

    MOST = 1000

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._written: dict[Hashable, float] = {}

    def due(self, key: Hashable) -> bool:
        moment = time.monotonic()
        if moment < self._written.get(key, 0.0):
            return False
        if len(self._written) >= self.MOST:
            self._written.clear()
        self._written[key] = moment + self._seconds
        return True
