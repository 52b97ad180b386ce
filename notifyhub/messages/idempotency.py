"""Requests that a client may repeat: one Idempotency-Key, one effect.

Modelled on the IETF draft "The Idempotency-Key HTTP Header Field". What a request stores and the answer that
is remembered for its key are one transaction: no crash can leave one without the other, or a key in use.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import orjson
from flask import Response, g, request
from sqlalchemy import Connection, delete, insert, select
from sqlalchemy.exc import IntegrityError
from werkzeug.exceptions import BadRequest, Conflict, UnprocessableEntity

from notifyhub.api.fields import MAX_LENGTH
from notifyhub.api.http.json import encode
from notifyhub.database.base import now, table_of
from notifyhub.database.connections import autocommit, transaction
from notifyhub.database.locks import lock_is_free
from notifyhub.messages.models import IdempotencyKey
from notifyhub.text.lines import is_line

HEADER = "Idempotency-Key"
KEPT = timedelta(hours=24)

_keys = table_of(IdempotencyKey)
_REMEMBERED = (_keys.c.id, _keys.c.digest, _keys.c.status, _keys.c.answer, _keys.c.created_at)


@dataclass(frozen=True)
class Done:
    """What a request has done: its answer, and the status of that.

    `unkept` is a part of the answer that is not stored for a repetition.
    """

    answer: dict[str, Any]
    status: int = 201
    unkept: dict[str, Any] = field(default_factory=dict, repr=False)


def _nothing(_connection: Connection, _answer: dict[str, Any]) -> dict[str, Any]:
    return {}


def once(
    work: Callable[[Connection], Done],
    *,
    atomic: bool,
    unkept: Callable[[Connection, dict[str, Any]], dict[str, Any]] = _nothing,
) -> Response:
    """Answer with what `work` does, or what it did when its key was sent first.

    `work` gets the connection to do all with; in a transaction if `atomic` asks for one, or there is a key.
    `unkept` returns what belongs to a stored answer without being stored. Raises Conflict while another
    request with the key runs, UnprocessableEntity if the key came with another body.
    """
    key = _key()
    if key is None and not atomic:
        done = work(autocommit())
        return _response(done.status, encode({**done.answer, **done.unkept}))
    with transaction() as connection:
        remembered = None if key is None else _claim(connection, key)
        if remembered is not None:
            kept = orjson.loads(remembered.answer)
            replay = _response(remembered.status, encode({**kept, **unkept(connection, kept)}))
            replay.headers["Idempotent-Replayed"] = "true"
            return replay
        done = work(connection)
        answer = encode(done.answer)
        if key is not None:
            _remember(connection, key, done.status, answer)
    return _response(done.status, encode({**done.answer, **done.unkept}) if done.unkept else answer)


def _key() -> str | None:
    key = _in_utf8(request.headers.get(HEADER, "")).strip()
    if len(key) > MAX_LENGTH or not is_line(key):
        raise BadRequest(
            f"{HEADER} must have no more than {MAX_LENGTH} characters, no control characters among them."
        )
    return key or None


def _in_utf8(value: str) -> str:
    """Return a header's value, which WSGI reads as Latin-1 (PEP 3333), in UTF-8 if it is that."""
    try:
        return value.encode("latin-1").decode()
    except UnicodeError:
        return value


def _claim(connection: Connection, key: str) -> Any:
    """Return what is remembered for a key, None if it is this request's now, until the transaction ends."""
    this = (_keys.c.user_id == g.caller.user_id) & (_keys.c.key == key)
    lock = select(lock_is_free(f"{HEADER} {g.caller.user_id} {key}").label("free")).subquery()
    row = connection.execute(select(lock.c.free, *_REMEMBERED).select_from(lock.outerjoin(_keys, this))).one()
    if not row.free:
        raise Conflict(f"A request with this {HEADER} is still running.")
    if row.id is None:
        return None
    if row.created_at <= now() - KEPT:
        connection.execute(delete(_keys).where(_keys.c.id == row.id))
        return None
    if row.digest != _digest():
        raise UnprocessableEntity(f"This {HEADER} was sent with another request.")
    return row


def _remember(connection: Connection, key: str, status: int, answer: bytes) -> None:
    values = {"user_id": g.caller.user_id, "key": key, "digest": _digest(), "created_at": now()}
    try:
        connection.execute(insert(_keys).values(**values, status=status, answer=answer.decode()))
    except IntegrityError:
        # The first request ended between this one's look at the key and its lock.
        raise Conflict(f"A request with this {HEADER} was running.") from None


def _digest() -> str:
    """Return what tells a request from others: the same JSON is the same, however it is written.

    A test token's request is another one than a live token's: a test must not pass for a message.
    """
    body = orjson.dumps(orjson.loads(request.get_data() or b"{}"), option=orjson.OPT_SORT_KEYS)
    about = f"{request.method} {request.url_rule} {g.caller.test}\n".encode()
    return hashlib.sha256(about + body).hexdigest()


def _response(status: int, answer: bytes) -> Response:
    return Response(answer, status, mimetype="application/json")
