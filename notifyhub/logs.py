"""Logging: one line for each event, as JSON or for a person's eyes, with the request's id."""

import logging
import sys

import structlog
from flask import Flask, g, has_request_context
from structlog.typing import EventDict, WrappedLogger

_SHARED = (
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
)


def init_app(app: Flask) -> None:
    """Send the log to standard error in the configured format. Requests' bodies and headers are never logged."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_formatter(app.config["LOG_FORMAT"]))
    logger = logging.getLogger("notifyhub")
    logger.handlers[:] = [handler]
    logger.setLevel(logging.INFO)
    logger.propagate = False


def _formatter(style: str) -> logging.Formatter:
    if style == "json":
        last = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(ensure_ascii=False)]
    else:
        # The default shows the values of variables where rich is installed: secrets among them.
        plain = structlog.dev.plain_traceback
        last = [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain)]
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*_SHARED, _add_request_id],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
    )


def _add_request_id(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    if has_request_context() and "request_id" in g:
        event["request_id"] = g.request_id
    return event
