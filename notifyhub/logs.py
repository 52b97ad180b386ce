"""Logging: one line for each event, as JSON or for a person's eyes, with the request's id."""

import logging
import re
import sys
import time
import traceback
from collections.abc import Hashable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TextIO, cast
from urllib.parse import urlsplit

import structlog
from flask import Flask, g, has_request_context
from flask.logging import wsgi_errors_stream
from structlog.typing import EventDict, Processor, WrappedLogger

from notifyhub.text import log_masks

_SHARED_PROCESSORS = (
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
)
_HANDLER_NAME = "notifyhub"
_OWN_FIELDS = frozenset({"level", "logger", "timestamp", "request_id"})
_LEAST_SECRET = 9  # characters

_CONTROL_CHARACTER = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class _Handler(logging.StreamHandler[TextIO]):
    style = ""


def init_app(app: Flask) -> None:
    """Send the process's log to standard error in the configured format, other libraries' warnings included.

    Requests' bodies and headers are never logged; what looks like a secret or a recipient is masked.
    """
    handler = _Handler(cast("TextIO", wsgi_errors_stream))
    handler.name, handler.style = _HANDLER_NAME, app.config["LOG_FORMAT"]
    handler.setFormatter(_formatter(app.config["LOG_FORMAT"], _secrets(app.config)))
    root = logging.getLogger()
    root.handlers[:] = [other for other in root.handlers if other.name != _HANDLER_NAME] + [handler]
    logging.getLogger("notifyhub").setLevel(logging.INFO)


def writes_json() -> bool:
    """Return whether the log of this process is one for machines."""
    handlers = [handler for handler in logging.getLogger().handlers if handler.name == _HANDLER_NAME]
    return any(getattr(handler, "style", None) == "json" for handler in handlers)


def _secrets(config: Mapping[str, Any]) -> list[str]:
    """Return the secrets that the process is configured with; not those so short that they may be words."""
    urls = (config["SQLALCHEMY_DATABASE_URI"], config["BROKER_URL"], config["REDIS_URL"])
    passwords = [urlsplit(url).password for url in urls if url]
    given = [config["SECRET_KEY"], *config["ENCRYPTION_KEYS"], config["METRICS_TOKEN"], *passwords]
    return [secret for secret in given if secret and len(secret) >= _LEAST_SECRET]


def _formatter(style: str, secrets: Sequence[str]) -> logging.Formatter:
    last: list[Processor]
    masks: list[Processor] = [structlog.processors.format_exc_info, partial(_mask, secrets)]
    if style == "json":
        last = [*masks, structlog.processors.JSONRenderer(ensure_ascii=False)]
    else:
        # The renderer's own choice of traceback may show the values of variables, secrets among them.
        last = [
            *masks,
            _escape_control_characters,
            structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
            ),
        ]
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*_SHARED_PROCESSORS, _add_request_id],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
    )


def _escape_control_characters(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Escape control characters: what a client sent, such as a path, must not pass for another line."""
    event["event"] = _CONTROL_CHARACTER.sub(lambda found: repr(found[0])[1:-1], str(event["event"]))
    return event


def _mask(secrets: Sequence[str], _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Mask what no line may show, in all that is not the log's own."""
    for name, value in event.items():
        if name not in _OWN_FIELDS:
            event[name] = log_masks.mask(str(value), secrets)
    return event


def _add_request_id(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Add the request that the line is about: the one that is answered, or that a message came by."""
    record: logging.LogRecord | None = event.get("_record")
    request_id = getattr(record, "request_id", None) or current_request_id()
    if request_id is not None:
        event["request_id"] = request_id
    return event


def current_request_id() -> str | None:
    """Return the id of the request that is answered; None if there is none."""
    return g.get("request_id") if has_request_context() else None


def of_request(request_id: str | None) -> dict[str, str | None]:
    """Return the `extra` of a line about what a request, answered long ago maybe, has asked for."""
    return {"request_id": request_id}


MAX_OUTLINED_FRAMES = 8


def outline(error: BaseException) -> str:
    """Return an error's type and where it was raised, in one line; its words may hold secrets."""
    frames = traceback.extract_tb(error.__traceback__)[-MAX_OUTLINED_FRAMES:]
    places = " > ".join(f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames)
    cause = error.__cause__ or error.__context__
    after = f" after {outline(cause)}" if cause else ""
    return f"{type(error).__name__} at {places}{after}"


class LogThrottle:
    """Limits lines that many events would write alike: for each key one in so many seconds."""

    MAX_KEYS = 1000

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._written: dict[Hashable, float] = {}

    def allows(self, key: Hashable) -> bool:
        moment = time.monotonic()
        if moment < self._written.get(key, 0.0):
            return False
        if len(self._written) >= self.MAX_KEYS:
            self._written.clear()
        self._written[key] = moment + self._seconds
        return True
