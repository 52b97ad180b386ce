"""Requests that a client may repeat: one Idempotency-Key, one effect.

Modelled on the IETF draft "The Idempotency-Key HTTP Header Field". What a request stores and the answer that
is kept for its key are one transaction: no crash can leave one without the other, or a key in use.
"""

import hashlib
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import wraps
from typing import Any

import orjson
from flask import Response, g, request
from marshmallow import Schema
from sqlalchemy import (
    BigInteger,
    Connection,
    Integer,
    String,
    UniqueConstraint,
    delete,
    insert,
    select,
)
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column
from werkzeug.exceptions import BadRequest, Conflict, UnprocessableEntity

from notifyhub.api.fields import MAX_LENGTH
from notifyhub.api.http.json import encode
from notifyhub.api.http.parsing import body, raw_body
from notifyhub.database import columns
from notifyhub.database.base import NO_ID_REUSE, Identified, now, table_of
from notifyhub.database.connections import autocommit, transaction
from notifyhub.database.locks import lock_is_free
from notifyhub.text.lines import is_line

HEADER = "Idempotency-Key"
RUNNING = f"A request with this {HEADER} is still running."
KEY_LIFETIME = timedelta(hours=24)


class IdempotencyKey(Identified):
    """A request that a client may repeat: by whom and with what body it was sent, what it was answered.

    `user_id` refers to a user; `auth.models`, which knows users, adds the foreign key.
    """

    __tablename__ = "idempotency_keys"
    __table_args__ = (UniqueConstraint("user_id", "key"), NO_ID_REUSE)

    user_id: Mapped[int] = mapped_column(BigInteger)
    key: Mapped[str] = mapped_column(columns.text(255))
    digest: Mapped[str] = mapped_column(String(64))
    status: Mapped[int] = mapped_column(Integer)
    answer: Mapped[str] = mapped_column(columns.text())
    created_at: Mapped[datetime] = mapped_column(columns.UTC_TIME, default=now, index=True)


_keys = table_of(IdempotencyKey)
_STORED = (_keys.c.id, _keys.c.digest, _keys.c.status, _keys.c.answer, _keys.c.created_at)


@dataclass(frozen=True)
class IdempotentResult:
    """What an idempotent view has done: its answer, and the status of that.

    `unstored` is a part of the answer that must not be stored.
    """

    answer: dict[str, Any]
    status: int = 201
    unstored: dict[str, Any] = field(default_factory=dict, repr=False)


IdempotentView = Callable[..., IdempotentResult]
"""A view that gets the connection to do everything with, and the body as its schema has read it."""

NeedsTransaction = Callable[[dict[str, Any]], bool]
Restore = Callable[[Connection, dict[str, Any]], dict[str, Any]]


def idempotent(
    view: IdempotentView, schema: Schema | None, *, atomic: NeedsTransaction | None, restore: Restore | None
) -> Callable[..., Response]:
    """Return a view that answers with what `view` does, or with what it did when the key was sent first.

    `view` works in a transaction; without a key it gets a connection in autocommit where `atomic` says that
    its body needs none. `restore` returns what was not stored of an answer that is repeated. The returned
    view raises Conflict while another request with the key runs, UnprocessableEntity if the key came with
    another body.
    """

    @wraps(view)
    def respond(**path: int) -> Response:
        values = body(schema) if schema else {}
        key = _key()
        in_transaction = key or atomic is None or atomic(values)
        with transaction() if in_transaction else nullcontext(autocommit()) as connection:
            stored = _claim(connection, key) if key else None
            if stored is not None:
                answer = orjson.loads(stored.answer)
                rest = restore(connection, answer) if restore else {}
                replay = _response(encode({**answer, **rest}), stored.status)
                replay.headers["Idempotent-Replayed"] = "true"
                return replay
            result = view(connection, values, **path)
            encoded = encode(result.answer)
            if key:
                _store(connection, key, result.status, encoded)
        if result.unstored:
            encoded = encode({**result.answer, **result.unstored})
        return _response(encoded, result.status)

    return respond


def _response(encoded: bytes, status: int) -> Response:
    return Response(encoded, status, mimetype="application/json")


def _key() -> str | None:
    key = g.get("substituted_key") or _in_utf8(request.headers.get(HEADER, "")).strip()
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
    """Return the row stored for a key, None if it is this request's now, until the transaction ends.

    On PostgreSQL the key is locked; SQLite lets in one transaction that writes at a time.
    """
    this = (_keys.c.user_id == g.caller.user_id) & (_keys.c.key == key)
    lock = select(lock_is_free(f"{HEADER} {g.caller.user_id} {key}").label("free")).subquery()
    row = connection.execute(select(lock.c.free, *_STORED).select_from(lock.outerjoin(_keys, this))).one()
    if not row.free:
        raise Conflict(RUNNING)
    if row.id is None:
        return None
    if row.created_at <= now() - KEY_LIFETIME:
        connection.execute(delete(_keys).where(_keys.c.id == row.id))
        return None
    if row.digest != _digest():
        raise UnprocessableEntity(f"This {HEADER} was sent with another request.")
    return row


def _store(connection: Connection, key: str, status: int, answer: bytes) -> None:
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
    body = orjson.dumps(orjson.loads(raw_body() or b"{}"), option=orjson.OPT_SORT_KEYS)
    about = f"{request.method} {request.url_rule} {g.caller.test}\n".encode()
    return hashlib.sha256(about + body).hexdigest()
