"""The one place where the bodies of errors are made.

They stay small, whatever was sent: what a client gave is quoted in part, and there are MAX_MESSAGES at most.
"""

import logging
import math
from collections.abc import Callable, Mapping
from typing import Any

import psycopg
from flask import Flask, Response, current_app, jsonify, request
from marshmallow import ValidationError
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from werkzeug.exceptions import HTTPException, InternalServerError, ServiceUnavailable, TooManyRequests

from notifyhub.api.fields import NON_FIELD
from notifyhub.api.http import violations
from notifyhub.database.confidential import KeysDoNotFit
from notifyhub.database.connection_checks import log_outage
from notifyhub.text.truncation import MAX_QUOTED_CHARACTERS, truncate

log = logging.getLogger(__name__)

DATABASE_RETRY_AFTER_SECONDS = 5
"""How long a client is asked to wait while the database can't be reached."""

UNAVAILABLE = "The database can't be reached at the moment."

WORDS = {
    404: "Not found.",
    413: "Request body too large: at most {limit} bytes are taken (NOTIFYHUB_MAX_BODY_BYTES).",
    500: "A server error occurred.",
}

MAX_MESSAGES = 100
_MAX_MESSAGE_LENGTH = 1000  # characters


def init_app(app: Flask) -> None:
    """Answer every error in JSON."""
    for kind, answer in ANSWERS.items():
        app.register_error_handler(kind, answer)


def http_error(error: HTTPException) -> Response:
    """Return `{"detail": …}` with the headers that belong to it (Allow, Retry-After, WWW-Authenticate)."""
    status = error.code or 500
    words = error.description
    if words == type(error).description:
        words = WORDS.get(status, words)
    if status == 405:
        words = f'Method "{request.method}" not allowed.'
    if status == 413:
        words = WORDS[413].format(limit=request.max_content_length)
    answer = jsonify(detail=_shortened(words or "") if status < 500 else words)
    answer.status_code = status
    for name, value in error.get_headers(request.environ):
        if name.lower() not in {"content-type", "content-length"}:
            answer.headers[name] = value
    return answer


def throttled(seconds: float) -> TooManyRequests:
    """Return the error that asks to wait, in Django REST framework's words."""
    whole = max(math.ceil(seconds), 1)
    words = f"Request was throttled. Expected available in {whole} second{'' if whole == 1 else 's'}."
    return TooManyRequests(words, retry_after=whole)


def _invalid(error: ValidationError) -> Response:
    """Return `{field: [words]}`, as Django REST framework writes it."""
    answer = jsonify(_drf(error.normalized_messages(), MAX_MESSAGES)[0])
    answer.status_code = 400
    return answer


def _drf(messages: Any, left: int) -> tuple[Any, int]:
    """Return the first `left` messages as Django REST framework writes them, and how many more fit.

    A key may be the client's own, as a value is.
    """
    if not isinstance(messages, dict):
        shortened = [_shortened(str(words)) for words in messages[:left]]
        return shortened, left - len(shortened)
    nested = {}
    for key, inner in messages.items():
        if left <= 0:
            break
        name = NON_FIELD if key == "_schema" else truncate(str(key), MAX_QUOTED_CHARACTERS)
        nested[name], left = _drf(inner, left)
    return nested, left


def _shortened(words: str) -> str:
    """Return the words of an error with what they quote, between the first and the last mark, cut."""
    begin, end = words.find('"') + 1, words.rfind('"')
    if end - begin > MAX_QUOTED_CHARACTERS:
        words = words[:begin] + truncate(words[begin:end], MAX_QUOTED_CHARACTERS) + words[end:]
    return truncate(words, _MAX_MESSAGE_LENGTH)


def _violation(error: IntegrityError) -> Response:
    answer = violations.answer(error)
    if isinstance(answer, ValidationError):
        return _invalid(answer)
    if isinstance(answer, HTTPException):
        return http_error(answer)
    return _server_error(error)


def _no_database(error: Exception) -> Response:
    """Answer 503 while the database can't be used, which the log says in one line."""
    if not log_outage(current_app.extensions["outage_log"], error):
        return _server_error(error)
    return http_error(ServiceUnavailable(UNAVAILABLE, retry_after=DATABASE_RETRY_AFTER_SECONDS))


def _server_error(error: Exception) -> Response:
    log.error("%s %s failed", request.method, request.path, exc_info=error)
    return http_error(InternalServerError())


ANSWERS: Mapping[type[Exception], Callable[[Any], Response]] = {
    HTTPException: http_error,
    ValidationError: _invalid,
    IntegrityError: _violation,
    **dict.fromkeys((SQLAlchemyError, psycopg.Error, KeysDoNotFit), _no_database),
    Exception: _server_error,
}
"""What makes the answer to each kind of error."""
