"""Rows that wait for a worker to be called: found, marked as called for, and called for by their queue.

The tables have the columns `next_attempt_at`, `enqueued_at` and `updated_at`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Select, Table, Update, and_, bindparam, not_, or_, select, update

from notifyhub.database.base import now
from notifyhub.database.columns import UTC_TIME
from notifyhub.database.connections import autocommit, transaction
from notifyhub.jobs import leases, queues

BATCH = 500
MOST_WAITING = 5000
"""Of calls in the queue; beyond it the workers have enough to do, and the rest waits in its rows."""

AT = leases.NOW
"""The present moment, in conditions."""


@dataclass(frozen=True)
class Dispatcher:
    """What waits in a table, and is called for by `enqueue`, which returns False where the broker is away.

    `due` is the condition of what may be called for at `AT`, `new` of what has just been stored: for the
    time `fresh` it is left to the call that went out with it. After the time `patience` a call is taken for
    lost.
    """

    table: Table
    due: ColumnElement[bool]
    new: ColumnElement[bool]
    queue: str
    enqueue: Callable[[Sequence[int]], bool]
    fresh: timedelta = timedelta(seconds=10)
    patience: timedelta = timedelta(seconds=30)

    def call(self) -> int:
        """Wake workers for what waits, but no more than they can soon take up; return for how many."""
        count = 0
        while self._any():
            depth = queues.publisher().depth(self.queue)
            room = 0 if depth is None else min(BATCH, MOST_WAITING - depth)
            ids = self._mark(room) if room > 0 else []
            if not ids:
                break
            if not self.enqueue(ids):
                self._unmark(ids)
                break
            count += len(ids)
        return count

    def _any(self) -> bool:
        """Tell whether there are any, without the lock that SQLite's transactions begin with."""
        connection = autocommit()
        return connection.execute(self._found().limit(1), self._moments(now())).first() is not None

    def _mark(self, most: int) -> list[int]:
        at = now()
        found = self._found().limit(most).with_for_update(skip_locked=True)
        with transaction() as connection:
            ids = list(connection.scalars(found, self._moments(at)))
            connection.execute(self._marking(ids, at))
        return ids

    def _unmark(self, ids: Sequence[int]) -> None:
        connection = autocommit()
        connection.execute(self._marking(ids, None))

    def _found(self) -> Select[int]:
        c = self.table.c
        uncalled = or_(
            c.enqueued_at.is_(None),
            c.enqueued_at < c.next_attempt_at,
            c.enqueued_at <= bindparam("patient", type_=UTC_TIME),
        )
        left_alone = and_(self.new, c.next_attempt_at > bindparam("fresh", type_=UTC_TIME))
        return select(c.id).where(self.due, not_(left_alone), uncalled).order_by(c.next_attempt_at)

    def _moments(self, at: datetime) -> dict[str, datetime]:
        return {"now": at, "fresh": at - self.fresh, "patient": at - self.patience}

    def _marking(self, ids: Sequence[int], at: datetime | None) -> Update:
        c = self.table.c
        return update(self.table).where(c.id.in_(ids)).values(enqueued_at=at, updated_at=c.updated_at)
