"""The sweep: what is due and nobody has looked after, found in the rows.

Any number of sweeps may run at once: each takes rows that no other one holds.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, select, update

from notifyhub.database.base import now, table_of
from notifyhub.database.connections import autocommit, transaction
from notifyhub.delivery import journal, listeners, policies
from notifyhub.delivery.claims import LIVE, due
from notifyhub.delivery.due_messages import enqueue
from notifyhub.delivery.retry_policy import RoundDecision, decide, in_time
from notifyhub.jobs import queues
from notifyhub.jobs.dispatcher import AT, BATCH, Dispatcher
from notifyhub.messages.events import publish_changes
from notifyhub.messages.models import Attempt, Message, MessageStatus, Outcome
from notifyhub.providers.errors import Temporary, Uncertain

_m, _a = table_of(Message), table_of(Attempt)

WORKER_LOST = Uncertain("worker_lost", "The worker stopped before the outcome was known.")
BETWEEN_ATTEMPTS = Temporary("worker_lost", "The worker stopped before it made the next attempt.")

Rows = Sequence[Any]

_take = select(_m.c.id, _m.c.rounds, _m.c.expires_at, _m.c.otp_id, _m.c.error_code).order_by(
    _m.c.next_attempt_at
)
_lost = and_(
    _m.c.status.in_(LIVE), _m.c.next_attempt_at <= AT, _m.c.lease_until.is_not(None), _m.c.lease_until <= AT
)
_over = and_(due(AT), _m.c.expires_at <= AT)
_waiting = and_(due(AT), _m.c.expires_at > AT)
_new = _m.c.status == MessageStatus.QUEUED
_CODES = Dispatcher(
    _m,
    and_(_waiting, _m.c.otp_id.is_not(None)),
    _new,
    queues.CODES,
    lambda ids: enqueue(ids, queues.CODES),
    fresh=timedelta(seconds=2),
    patience=timedelta(seconds=5),
)
_OTHERS = Dispatcher(
    _m,
    and_(_waiting, _m.c.otp_id.is_(None)),
    _new,
    queues.MESSAGES,
    lambda ids: enqueue(ids, queues.MESSAGES),
)


@dataclass(frozen=True)
class Swept:
    """How many messages a sweep recovered from dead workers, expired, and woke workers for."""

    recovered: int
    expired: int
    enqueued: int


def sweep() -> Swept:
    """Recover, expire and enqueue what is due, batch after batch."""
    recovered, expired = _in_batches(_lost, _recover), _in_batches(_over, _expire)
    return Swept(recovered, expired, _CODES.call() + _OTHERS.call())


def _in_batches(
    condition: ColumnElement[bool], work: Callable[[Connection, Rows, datetime], Sequence[int]]
) -> int:
    """Do `work` on all rows of a condition; return how many. It returns the ids of those that it ended."""
    count = 0
    rows: Rows = []
    while (not count or len(rows) == BATCH) and _any(condition):
        at = now()
        with transaction() as connection:
            taken = _take.where(condition).limit(BATCH).with_for_update(skip_locked=True)
            rows = connection.execute(taken, {"at": at}).all()
            if not rows:
                break
            publish_changes(connection, _heard(connection, rows, work(connection, rows, at)))
        count += len(rows)
    return count


def _any(condition: ColumnElement[bool]) -> bool:
    """Tell whether there are rows, without the lock that SQLite's transactions begin with."""
    connection = autocommit()
    return connection.execute(_take.where(condition).limit(1), {"at": now()}).first() is not None


def _heard(connection: Connection, rows: Rows, ended: Sequence[int]) -> list[int]:
    """Return those of the messages that others want to be told of."""
    if ended and listeners.anybody(connection):
        return list(ended)
    return [row.id for row in rows if row.otp_id is not None and row.id in ended]


def _recover(connection: Connection, rows: Rows, at: datetime) -> list[int]:
    """End the rounds of workers that died: an attempt without an outcome is uncertain."""
    running = _a.c.message_id.in_([row.id for row in rows]) & _a.c.outcome.is_(None)
    lost = {"outcome": Outcome.UNCERTAIN, "error_code": WORKER_LOST.code, "error_detail": WORKER_LOST.detail}
    closed = update(_a).where(running).values(lost).returning(_a.c.message_id)
    uncertain = set(connection.scalars(closed))
    policy = policies.in_force().policy
    failed = []
    for row in rows:
        if row.id in uncertain:
            end = decide([WORKER_LOST], [], row.rounds, policy, at)
        else:  # it died between two attempts: the round begins anew
            end = RoundDecision(MessageStatus.SENDING, row.rounds, BETWEEN_ATTEMPTS, at)
        journal.worker_lost(row.id, during_attempt=row.id in uncertain)
        if row.otp_id is not None:
            end = in_time(end, row.expires_at)
        if end.status == MessageStatus.FAILED:
            failed.append(row.id)
            journal.ended(row.id, end.status, end.rounds, end.error)
        released = {
            "status": end.status,
            "rounds": end.rounds,
            "next_attempt_at": end.next_attempt_at and min(end.next_attempt_at, row.expires_at),
            "error_code": end.error and end.error.code,
            "error_detail": end.error and end.error.detail,
        }
        connection.execute(
            update(_m)
            .where(_m.c.id == row.id)
            .values(**released, lease_token=None, lease_until=None, updated_at=at)
        )
    return failed


def _expire(connection: Connection, rows: Rows, at: datetime) -> list[int]:
    """End messages whose time is over."""
    ended = {"status": MessageStatus.EXPIRED, "next_attempt_at": None, "updated_at": at}
    ids = [row.id for row in rows]
    connection.execute(update(_m).where(_m.c.id.in_(ids)).values(ended))
    for row in rows:
        journal.expired(row.id, row.rounds, row.error_code)
    return ids
