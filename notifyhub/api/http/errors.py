"""The one place where the bodies of errors are made.

They stay small, whatever was sent: what a client gave is quoted in part, and not every error is told.
"""

import logging
import math
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
from notifyhub.text.cuts import MOST_QUOTED, cut

log = logging.getLogger(__name__)

RETRY_AFTER = 5
"""Seconds after which a client may look whether the database is back."""

WORDS = {
    404: "Not found.",
    413: "Request body too large: at most {limit} bytes are taken (NOTIFYHUB_MAX_BODY_BYTES).",
    500: "A server error occurred.",
}

MOST_ERRORS = 100
_MOST_WORDS = 1000


def init_app(app: Flask) -> None:
    """Answer every error in JSON."""
    app.register_error_handler(HTTPException, http_error)
    app.register_error_handler(ValidationError, _invalid)
    app.register_error_handler(IntegrityError, _violation)
    for kind in (SQLAlchemyError, psycopg.Error, KeysDoNotFit):
        app.register_error_handler(kind, _no_database)
    app.register_error_handler(Exception, _server_error)


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
    answer = jsonify(_drf(error.normalized_messages(), MOST_ERRORS)[0])  # type: ignore[no-untyped-call]
    answer.status_code = 400
    return answer


def _drf(messages: Any, left: int) -> tuple[Any, int]:
    """Return messages as Django REST framework writes them, the first `left` of them, and how many more fit.

    A key may be the client's own, as a value is.
    """
    if not isinstance(messages, dict):
        told = [_shortened(str(words)) for words in messages[:left]]
        return told, left - len(told)
    nested = {}
    for key, inner in messages.items():
        if left <= 0:
            break
        name = NON_FIELD if key == "_schema" else cut(str(key), MOST_QUOTED)
        nested[name], left = _drf(inner, left)
    return nested, left


def _shortened(words: str) -> str:
    """Return the words of an error with what they quote, between the first and the last mark, cut."""
    begin, end = words.find('"') + 1, words.rfind('"')
    if end - begin > MOST_QUOTED:
        words = words[:begin] + cut(words[begin:end], MOST_QUOTED) + words[end:]
    return cut(words, _MOST_WORDS)


def _violation(error: IntegrityError) -> Response:
    answered = violations.answer(error)
    if isinstance(answered, ValidationError):
        return _invalid(answered)
    if isinstance(answered, HTTPException):
        return http_error(answered)
    return _server_error(error)


def _no_database(error: Exception) -> Response:
    """Answer 503 while the database can't be used, which the log says in one line."""
    if not log_outage(current_app.extensions["outage_log"], error):
        return _server_error(error)
    return http_error(
        ServiceUnavailable("The database can't be reached at the moment.", retry_after=RETRY_AFTER)
    )


def _server_error(error: Exception) -> Response:
    log.error("%s %s failed", request.method, request.path, exc_info=error)
    return http_error(InternalServerError())
