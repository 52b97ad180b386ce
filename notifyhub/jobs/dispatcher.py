"""The dispatcher: finds the rows that are due and for which no job is on its way, and enqueues them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Select, Table, Update, and_, bindparam, not_, or_, select, update

from notifyhub.database.base import now
from notifyhub.database.columns import UTC_TIME
from notifyhub.database.connections import autocommit, transaction
from notifyhub.jobs import queues

BATCH = 500
"""Rows that are enqueued together."""

MAX_QUEUE_DEPTH = 5000
"""Jobs in a queue, beyond which the workers have enough to do, and the rest waits in its rows."""


@dataclass(frozen=True)
class Dispatcher:
    """Enqueues the due rows of a table, whose model is `Leased`.

    `due` is the condition of rows that may be enqueued at `leases.NOW`. `new` is that of rows that have just
    been stored: for the time `published_within` they are left to the job that was published with them. After
    the time `lost_after` a job is taken for lost. `enqueue` publishes jobs for ids, and returns False where
    the broker does not answer; a job is for `rows_per_job` of them, at most. `max_depth` stands for
    MAX_QUEUE_DEPTH, if it is given.
    """

    table: Table
    due: ColumnElement[bool]
    new: ColumnElement[bool]
    queue: str
    enqueue: Callable[[Sequence[int]], bool]
    published_within: timedelta = timedelta(seconds=10)
    lost_after: timedelta = timedelta(seconds=30)
    rows_per_job: int = 1
    max_depth: int | None = None

    def enqueue_due(self) -> int:
        """Enqueue what is due, but no more than workers can soon take up; return how many rows."""
        count = 0
        while self._any():
            room = self._room()
            ids = self._mark(room) if room > 0 else []
            if not ids:
                break
            if not self.enqueue(ids):
                self._unmark(ids)
                break
            count += len(ids)
        return count

    def _room(self) -> int:
        """Return how many rows may be enqueued now."""
        depth = queues.publisher().depth(self.queue)
        if depth is None:
            return 0
        jobs = (self.max_depth or MAX_QUEUE_DEPTH) - depth
        return min(BATCH, jobs * self.rows_per_job)

    def _any(self) -> bool:
        """Return whether there are any, without the lock that SQLite's transactions begin with."""
        return autocommit().execute(self._unqueued().limit(1), self._values(now())).first() is not None

    def _mark(self, limit: int) -> list[int]:
        at = now()
        locked = self._unqueued().limit(limit).with_for_update(skip_locked=True)
        with transaction() as connection:
            ids = list(connection.scalars(locked, self._values(at)))
            connection.execute(self._marked(ids, at))
        return ids

    def _unmark(self, ids: Sequence[int]) -> None:
        autocommit().execute(self._marked(ids, None))

    def _unqueued(self) -> Select[int]:
        """Return the query for due rows without a job that is on its way, the longest due first."""
        c = self.table.c
        without_job = or_(
            c.enqueued_at.is_(None),
            c.enqueued_at < c.next_attempt_at,
            c.enqueued_at <= bindparam("lost_since", type_=UTC_TIME),
        )
        published = and_(self.new, c.next_attempt_at > bindparam("published_since", type_=UTC_TIME))
        return select(c.id).where(self.due, not_(published), without_job).order_by(c.next_attempt_at)

    def _values(self, at: datetime) -> dict[str, datetime]:
        return {"now": at, "published_since": at - self.published_within, "lost_since": at - self.lost_after}

    def _marked(self, ids: Sequence[int], at: datetime | None) -> Update:
        c = self.table.c
        return update(self.table).where(c.id.in_(ids)).values(enqueued_at=at, updated_at=c.updated_at)
