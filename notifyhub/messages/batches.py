"""Batches as responses show them: with the number of their messages in each status."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from sqlalchemy import bindparam, func, select

from notifyhub.api.pagination.cursor import CursorListing
from notifyhub.database.base import table_of
from notifyhub.database.connections import autocommit
from notifyhub.messages.models import Batch, Message, MessageStatus
from notifyhub.messages.schemas import BatchSchema

_batches, _messages = table_of(Batch), table_of(Message).c

_COUNTS = (
    select(_messages.batch_id, _messages.status, func.count().label("total"))
    .where(_messages.batch_id.in_(bindparam("ids", expanding=True)))
    .group_by(_messages.batch_id, _messages.status)
)
"""By the index ix_messages_batch alone."""


class BatchSerializer:
    """A serializer that counts the messages of all its rows in one statement."""

    schema = BatchSchema()
    columns = (_batches.c.id, _batches.c.count, _batches.c.created_at)

    def encode(self, rows: Sequence[Sequence[Any]]) -> list[dict[str, Any]]:
        counts: dict[int, dict[str, int]] = defaultdict(dict)
        for row in autocommit().execute(_COUNTS, {"ids": [id_ for id_, *_ in rows]}):
            counts[row.batch_id][row.status] = row.total
        return [
            {"id": id_, "count": count, "created_at": created_at, "statuses": _in_order(counts[id_])}
            for id_, count, created_at in rows
        ]


def _in_order(counts: dict[str, int]) -> dict[str, int]:
    """Return numbers by status in the order of a message's life."""
    return {status.value: counts[status] for status in MessageStatus if status in counts}


_serializer = BatchSerializer()
_BATCH = select(*_serializer.columns).where(_batches.c.id == bindparam("batch_id"))
_BATCHES = (
    select(*_serializer.columns)
    .where(_batches.c.id.in_(bindparam("ids", expanding=True)))
    .order_by(_batches.c.id)
)

listing = CursorListing(_batches, _serializer, filters={}, indexes=())


def read_all(ids: Sequence[int]) -> list[dict[str, Any]]:
    """Return some batches, by rising ids, as `BatchSchema` describes each."""
    return _serializer.encode(autocommit().execute(_BATCHES, {"ids": ids}).all()) if ids else []


def read(id: int) -> dict[str, Any] | None:
    """Return a batch as `BatchSchema` describes it, None if there is none with the id."""
    rows = autocommit().execute(_BATCH, {"batch_id": id}).all()
    return _serializer.encode(rows)[0] if rows else None
