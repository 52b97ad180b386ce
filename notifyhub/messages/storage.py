"""Storing of messages, and what has become of batches of them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import CTE, Connection, bindparam, func, insert, select

from notifyhub.database.base import table_of
from notifyhub.messages.composition import Draft
from notifyhub.messages.models import Batch, Message, MessageAttachment, MessageStatus
from notifyhub.messages.serializers import COLUMNS

_messages, _attachments, _batches = table_of(Message), table_of(MessageAttachment), table_of(Batch)

_INSERT = insert(_messages).returning(_messages.c.id)
_GIVEN = (
    *("channel", "status", "recipient", "notifier_id", "notifier_name", "home_notifier_id", "pattern_id"),
    *("pattern_name", "args", "subject", "text", "html", "reply_to", "encoding", "segments", "reference"),
    *("client_metadata", "is_test", "send_at", "expires_at", "next_attempt_at", "created_at", "updated_at"),
)
"""The columns that `_values` fills."""
_RETURNED = (_messages.c.id, _messages.c.status)
_INSERT_MANY = insert(_messages).returning(*_RETURNED)
# On SQLite a statement for each row.
_INSERT_IN_ORDER = insert(_messages).returning(*_RETURNED, sort_by_parameter_order=True)
_INSERT_BATCH = insert(_batches).returning(_batches.c.id)
_BATCH = select(_batches)
_STATUSES = select(_messages.c.status, func.count()).group_by(_messages.c.status)


def store(connection: Connection, draft: Draft, moment: datetime, *, test: bool) -> list[Any]:
    """Store a message and return its row, as `representation` takes it. Attachments need a transaction."""
    values = _values(draft, moment, test=test)
    id_ = connection.execute(_INSERT, values).scalar_one()
    _store_attachments(connection, [id_], [draft])
    # The database would give back what it was given: all but the id is known.
    return [id_, *(values.get(column.name) for column in COLUMNS[1:])]


def store_with_code(
    connection: Connection,
    draft: Draft,
    moment: datetime,
    *,
    test: bool,
    otp_id: int,
    client: str | None = None,
) -> int:
    """Store a message that carries a one-time password, for which its draft has a mask; return its id.

    `client` is whose request sends it, if that is told.
    """
    values = {**_values(draft, moment, test=test), "otp_id": otp_id, "otp_client": client}
    return int(connection.execute(_INSERT, values).scalar_one())


def insertion_with_code(made: CTE) -> CTE:
    """Return the insertion of such a message in one statement with that of its one-time password, `made`.

    It takes `values_with_code`, and returns the message's `id`.
    """
    columns = [_messages.c[name] for name in (*_GIVEN, "otp_client")]
    given = [bindparam(f"message_{column.name}", type_=column.type) for column in columns]
    rows = select(*given, made.c.id)
    names = [*columns, _messages.c.otp_id]
    return insert(_messages).from_select(names, rows).returning(_messages.c.id).cte("stored")


def values_with_code(draft: Draft, moment: datetime, *, test: bool, client: str | None) -> dict[str, Any]:
    """Return what `insertion_with_code` takes."""
    values = {**_values(draft, moment, test=test), "otp_client": client}
    return {f"message_{name}": value for name, value in values.items()}


def store_batch(
    connection: Connection, drafts: Sequence[Draft], moment: datetime, *, test: bool
) -> tuple[int, list[int]]:
    """Store messages as a batch, in a transaction; return its id and those of the messages that are due."""
    batch = connection.execute(_INSERT_BATCH, {"count": len(drafts), "created_at": moment}).scalar_one()
    values = [{**_values(draft, moment, test=test), "batch_id": batch} for draft in drafts]
    attached = any(draft.attachments for draft in drafts)
    rows = connection.execute(_INSERT_IN_ORDER if attached else _INSERT_MANY, values).all()
    _store_attachments(connection, [row.id for row in rows], drafts)
    return batch, [row.id for row in rows if row.status == MessageStatus.QUEUED]


def batch(connection: Connection, id: int) -> dict[str, Any] | None:
    """Return a batch as `BatchSchema` describes it."""
    found = connection.execute(_BATCH.where(_batches.c.id == id)).mappings().first()
    if found is None:
        return None
    rows = connection.execute(_STATUSES.where(_messages.c.batch_id == id))
    counts: dict[str, int] = {row[0]: row[1] for row in rows}
    return {
        **found,
        "statuses": {status.value: counts[status] for status in MessageStatus if status in counts},
    }


def _values(draft: Draft, moment: datetime, *, test: bool) -> dict[str, Any]:
    pattern = draft.pattern
    return {
        "channel": draft.channel,
        "status": MessageStatus.SCHEDULED if draft.send_at else MessageStatus.QUEUED,
        "recipient": draft.recipient,
        "notifier_id": draft.notifier.id,
        "notifier_name": draft.notifier.name,
        "home_notifier_id": draft.notifier.id,
        "pattern_id": pattern and pattern.id,
        "pattern_name": pattern and pattern.name,
        "args": draft.args,
        "subject": draft.subject,
        "text": draft.text,
        "html": draft.html,
        "reply_to": draft.reply_to,
        "encoding": draft.encoding,
        "segments": draft.segments,
        "reference": draft.reference,
        "client_metadata": draft.metadata,
        "is_test": test,
        "send_at": draft.send_at,
        "expires_at": draft.expires_at,
        "next_attempt_at": draft.send_at or moment,
        "created_at": moment,
        "updated_at": moment,
    }


def _store_attachments(connection: Connection, ids: Sequence[int], drafts: Sequence[Draft]) -> None:
    values = [
        {"message_id": message_id, **vars(attachment)}
        for message_id, draft in zip(ids, drafts, strict=True)
        for attachment in draft.attachments
    ]
    if values:
        connection.execute(insert(_attachments), values)
