"""Recovery: finds, in the rows, what is due and nobody works on.

It may run any number of times at once: each run takes rows that no other one holds.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, select, update

from notifyhub.database.base import now, table_of
from notifyhub.database.connections import after_commit, autocommit, transaction
from notifyhub.delivery import journal, policies
from notifyhub.delivery.claims import due, unindexed
from notifyhub.delivery.due_messages import LIST_LENGTH, enqueue
from notifyhub.delivery.figures import Notifier, figures
from notifyhub.delivery.retry_policy import RoundDecision, decide, in_time
from notifyhub.jobs import leases, queues
from notifyhub.jobs.dispatcher import BATCH, Dispatcher
from notifyhub.messages.events import CHANGED, publish_changes
from notifyhub.messages.models import Attempt, Message, MessageStatus, Outcome
from notifyhub.providers.errors import Temporary, Uncertain

messages, attempts = table_of(Message), table_of(Attempt)

MAX_QUEUED_LISTS = 200
"""Beyond which the messages' queue is not filled."""

LOST_IN_ATTEMPT = Uncertain("worker_lost", leases.WORKER_LOST)
LOST_BETWEEN_ATTEMPTS = Temporary("worker_lost", "The worker stopped before it made the next attempt.")

Rows = Sequence[Any]

_rows = select(
    *(messages.c[name] for name in ("id", "rounds", "expires_at", "otp_id", "error_code")),
    *(messages.c[name] for name in ("channel", "is_test", "request_id")),
).order_by(messages.c.next_attempt_at)
# A lease is taken with this status, which few messages have.
_lapsed = and_(messages.c.status == MessageStatus.SENDING, leases.lapsed(messages))
_over = and_(due(), messages.c.expires_at <= leases.NOW)
_waiting = and_(due(), unindexed(messages.c.expires_at > leases.NOW))
_new = messages.c.status == MessageStatus.QUEUED
_codes = Dispatcher(
    messages,
    and_(_waiting, messages.c.otp_id.is_not(None)),
    _new,
    queues.CODES,
    lambda ids: enqueue(ids, queues.CODES),
    published_within=timedelta(seconds=2),
    lost_after=timedelta(seconds=5),
)
_others = Dispatcher(
    messages,
    and_(_waiting, messages.c.otp_id.is_(None)),
    _new,
    queues.MESSAGES,
    lambda ids: enqueue(ids, queues.MESSAGES),
    rows_per_job=LIST_LENGTH,
    max_depth=MAX_QUEUED_LISTS,
)


@dataclass(frozen=True)
class Recovery:
    """How many messages a recovery released from dead workers, expired and enqueued."""

    released: int
    expired: int
    enqueued: int


def recover() -> Recovery:
    """Release, expire and enqueue what is due, batch after batch."""
    released, expired = _in_batches(_lapsed, _release), _in_batches(_over, _expire)
    return Recovery(released, expired, _codes.enqueue_due() + _others.enqueue_due())


def _in_batches(
    condition: ColumnElement[bool], change: Callable[[Connection, Rows, datetime], Iterable[Any]]
) -> int:
    """Change all rows of a condition, and publish what has become of them; return how many.

    `change` returns the changed rows as CHANGED.
    """
    count = 0
    rows: Rows = []
    while (not count or len(rows) == BATCH) and _any(condition):
        at = now()
        with transaction() as connection:
            batch = _rows.where(condition).limit(BATCH).with_for_update(skip_locked=True)
            rows = connection.execute(batch, {"now": at}).all()
            if not rows:
                break
            publish_changes(connection, change(connection, rows, at))
        count += len(rows)
    return count


def _any(condition: ColumnElement[bool]) -> bool:
    """Return whether there are rows, without the lock that SQLite's transactions begin with."""
    return autocommit().execute(_rows.where(condition).limit(1), {"now": now()}).first() is not None


def _release(connection: Connection, rows: Rows, at: datetime) -> list[Any]:
    """End the rounds of workers that died: an attempt without an outcome is uncertain."""
    running = attempts.c.message_id.in_([row.id for row in rows]) & attempts.c.outcome.is_(None)
    lost = {
        "outcome": Outcome.UNCERTAIN,
        "error_code": LOST_IN_ATTEMPT.code,
        "error_detail": LOST_IN_ATTEMPT.detail,
    }
    ended = connection.execute(
        update(attempts).where(running).values(lost).returning(attempts.c.message_id, attempts.c.notifier_id)
    ).all()
    uncertain = {attempt.message_id for attempt in ended}
    after_commit(partial(_count, {row.id: row for row in rows}, ended))
    policy = policies.in_force().policy
    changed = []
    for row in rows:
        if row.id in uncertain:
            decision = decide([LOST_IN_ATTEMPT], [], row.rounds, policy, at)
        else:  # it died between two attempts: the round begins anew
            decision = RoundDecision(MessageStatus.SENDING, row.rounds, LOST_BETWEEN_ATTEMPTS, at)
        journal.worker_lost(row, during_attempt=row.id in uncertain)
        if row.otp_id is not None:
            decision = in_time(decision, row.expires_at)
        if decision.status == MessageStatus.FAILED:
            journal.ended(row, decision.status, decision.rounds, decision.error)
        released = (
            update(messages)
            .where(messages.c.id == row.id)
            .values(
                **leases.RELEASED,
                status=decision.status,
                rounds=decision.rounds,
                next_attempt_at=decision.next_attempt_at and min(decision.next_attempt_at, row.expires_at),
                error_code=decision.error and decision.error.code,
                error_detail=decision.error and decision.error.detail,
                updated_at=at,
            )
        )
        changed.append(connection.execute(released.returning(*CHANGED)).one())
    return changed


def _count(messages_of: Mapping[int, Any], ended: Rows) -> None:
    """Count the attempts of dead workers, whose durations nobody has seen."""
    for attempt in ended:
        message = messages_of[attempt.message_id]
        if not message.is_test:
            figures().count_attempt(Notifier(message.channel, attempt.notifier_id), LOST_IN_ATTEMPT)


def _expire(connection: Connection, rows: Rows, at: datetime) -> list[Any]:
    """End messages whose time is over."""
    expired = (
        update(messages)
        .where(messages.c.id.in_([row.id for row in rows]))
        .values(status=MessageStatus.EXPIRED, next_attempt_at=None, updated_at=at)
        .returning(*CHANGED)
    )
    for row in rows:
        journal.expired(row, row.rounds, row.error_code)
    return sorted(connection.execute(expired), key=lambda row: row.id)
