"""Storing of messages, one or a batch of them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert

from notifyhub import instruments
from notifyhub.database.base import table_of
from notifyhub.database.connections import after_commit
from notifyhub.logs import current_request_id
from notifyhub.messages.composition import ComposedMessage
from notifyhub.messages.models import Batch, Message, MessageAttachment, MessageStatus
from notifyhub.messages.serializers import COLUMNS

_messages, _attachments, _batches = table_of(Message), table_of(MessageAttachment), table_of(Batch)

MAX_STATEMENT = 4_000_000
"""Characters and bytes that a statement is given, unless a row has more: drivers copy all of it."""

_NAMESAKES = tuple(field.name for field in fields(ComposedMessage) if field.name in _messages.c)
"""The fields of a composed message that are stored as they are, each in the column of its name."""
_RETURNED = (_messages.c.id, _messages.c.status)
_INSERT = insert(_messages).returning(_messages.c.id)
_INSERT_MANY = insert(_messages).returning(*_RETURNED)
# On SQLite a statement for each row.
_INSERT_IN_ORDER = insert(_messages).returning(*_RETURNED, sort_by_parameter_order=True)
_INSERT_BATCH = insert(_batches).returning(_batches.c.id)


def store(
    connection: Connection, message: ComposedMessage, moment: datetime, *, test: bool, alert: bool = False
) -> tuple[int, list[Any]]:
    """Store a message; return its id and its row of `serializers.COLUMNS`. Attachments need a transaction.

    An `alert` is the service's own.
    """
    values = {**_values(message, moment, test=test), "is_alert": alert}
    message_id: int = connection.execute(_INSERT, values).scalar_one()
    _count(values)
    _store_attachments(connection, [message_id], [message])
    # The database would give back what it was given: all but the id is known.
    return message_id, [message_id, *(values.get(column.name) for column in COLUMNS[1:])]


def store_with_code(
    connection: Connection,
    message: ComposedMessage,
    moment: datetime,
    *,
    test: bool,
    otp_id: int,
    client: str | None = None,
) -> int:
    """Store a message that carries a one-time password, as a mask; return its id.

    `client` is whose request sends it, if the request says so.
    """
    values = {**_values(message, moment, test=test), "otp_id": otp_id, "otp_client": client}
    message_id = int(connection.execute(_INSERT, values).scalar_one())
    _count(values)
    return message_id


def store_batch(
    connection: Connection, messages: Sequence[ComposedMessage], moment: datetime, *, test: bool
) -> tuple[int, list[int]]:
    """Store messages as a batch, in a transaction; return its id and those of the messages that are due."""
    batch_id = connection.execute(_INSERT_BATCH, {"count": len(messages), "created_at": moment}).scalar_one()
    values = [{**_values(message, moment, test=test), "batch_id": batch_id} for message in messages]
    attached = any(message.attachments for message in messages)
    insertion = _INSERT_IN_ORDER if attached else _INSERT_MANY
    rows = [row for part in _parts(values, "text", "html") for row in connection.execute(insertion, part)]
    _store_attachments(connection, [row.id for row in rows], messages)
    _count(*values)
    return batch_id, [row.id for row in rows if row.status == MessageStatus.QUEUED]


def _values(message: ComposedMessage, moment: datetime, *, test: bool) -> dict[str, Any]:
    pattern = message.pattern
    return {
        **{name: getattr(message, name) for name in _NAMESAKES},
        "status": MessageStatus.SCHEDULED if message.send_at else MessageStatus.QUEUED,
        "notifier_id": message.notifier.id,
        "notifier_name": message.notifier.name,
        "home_notifier_id": message.notifier.id,
        "pattern_id": pattern and pattern.id,
        "pattern_name": pattern and pattern.name,
        "is_test": test,
        "next_attempt_at": message.send_at or moment,
        "created_at": moment,
        "updated_at": moment,
        "request_id": current_request_id(),
    }


def _count(*stored: Mapping[str, Any]) -> None:
    """Count messages, given by their values, once they are stored for good; not those of test tokens."""
    names = ("channel", "notifier_id", "status")
    counted = [[each[name] for name in names] for each in stored if not each["is_test"]]

    def count() -> None:
        for labels in counted:
            instruments.count_message(*labels)

    after_commit(count)


def _store_attachments(
    connection: Connection, ids: Sequence[int], messages: Sequence[ComposedMessage]
) -> None:
    values = [
        {"message_id": message_id, **vars(attachment)}
        for message_id, message in zip(ids, messages, strict=True)
        for attachment in message.attachments
    ]
    for part in _parts(values, "content"):
        connection.execute(insert(_attachments), part)


def _parts(rows: Sequence[dict[str, Any]], *long: str) -> Iterator[list[dict[str, Any]]]:
    """Yield rows in parts that a statement can be given, by the lengths of their `long` columns."""
    part: list[dict[str, Any]] = []
    length = 0
    for row in rows:
        own = sum(len(row[name] or "") for name in long)
        if part and length + own > MAX_STATEMENT:
            yield part
            part, length = [], 0
        part.append(row)
        length += own
    if part:
        yield part
