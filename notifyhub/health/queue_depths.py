"""What waits in each queue, read from the rows themselves: jobs are but wake-up calls."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from flask import Flask, current_app
from sqlalchemy import Column, Connection, Select, Table, and_, func, literal, select, union_all

from notifyhub.database.base import table_of
from notifyhub.jobs import leases, queues
from notifyhub.messages.models import Message

_messages = table_of(Message)


class QueueDepth(NamedTuple):
    """How many rows wait for their turn, and since when the oldest of them does."""

    waiting: int
    since: datetime | None


def due_by(table: Table, moment: Column[Any], *conditions: Any) -> Select[Any]:
    """Return the query of how many rows of a table are due by `leases.NOW`, and since when.

    Those that a worker has are not among them: their `moment` is the end of the lease.
    """
    due = and_(moment <= leases.NOW, *conditions)
    count = select(func.count()).select_from(table).where(due)
    return select(
        count.scalar_subquery().label("waiting"),
        select(func.min(moment)).where(due).scalar_subquery().label("since"),
    )


def watch(app: Flask, queue: str, due: Select[Any]) -> None:
    """Have a queue's depth told by a query, of a package above, as `due_by` returns it."""
    app.extensions.setdefault("queue_depths", {})[queue] = due


def read(connection: Connection, at: datetime) -> dict[str, QueueDepth]:
    """Return the depths of all queues, by name, in one statement."""
    watched: Mapping[str, Select[Any]] = {**_QUERIES, **current_app.extensions.get("queue_depths", {})}
    named = [query.add_columns(literal(name).label("queue")) for name, query in watched.items()]
    rows = {row.queue: row for row in connection.execute(union_all(*named), {"now": at})}
    # All due messages are counted in their index alone. To tell codes from others there takes their rows.
    codes = rows[queues.CODES].waiting
    return {
        name: QueueDepth(rows[name].waiting - (codes if name == queues.MESSAGES else 0), rows[name].since)
        for name in queues.QUEUES
    }


_due = _messages.c.next_attempt_at <= leases.NOW
_QUERIES = {
    queues.MESSAGES: select(
        select(func.count()).select_from(_messages).where(_due).scalar_subquery().label("waiting"),
        select(func.min(_messages.c.next_attempt_at))
        .where(_due, _messages.c.otp_id.is_(None))
        .scalar_subquery()
        .label("since"),
    ),
    queues.CODES: due_by(_messages, _messages.c.next_attempt_at, _messages.c.otp_id.is_not(None)),
    queues.UPKEEP: due_by(_messages, _messages.c.report_due_at),
}
