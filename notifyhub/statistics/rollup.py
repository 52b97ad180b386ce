"""The roll-up: messages are counted by quarters of an hour, an hour later, and again when they may differ.

Statistics have to be exact whenever they are asked for, and sending a message must not pay for that. So:

- A quarter's counts leave out its open messages: those that may still change by themselves. Each has a row in
  `statistics_open_messages`, and is looked at when statistics are asked for. Nothing has to be written when
  one of them changes.
- The others change by a retry, or by a report that comes after the asking for it. Whoever does that makes the
  quarter one that is not counted, in the transaction of the change (`reopen`). What is not counted is counted
  live.
- The row of a quarter is locked before its messages are read, and by `reopen` after they are changed. Either
  the counting sees the change, or `reopen` waits until it is done.
"""

import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    delete,
    func,
    insert,
    literal,
    null,
    or_,
    select,
    update,
)

from notifyhub.database import timeouts
from notifyhub.database.base import now, table_of
from notifyhub.database.connections import autocommit, transaction
from notifyhub.database.upsert import upsert
from notifyhub.delivery.claims import LIVE
from notifyhub.messages.events import MessageChanged, MessagesRetried
from notifyhub.messages.models import Message, MessageStatus
from notifyhub.statistics.measures import OF_PRODUCTS, SEGMENTS, SENT
from notifyhub.statistics.models import OpenMessage, StatisticsCount, StatisticsQuarter, StatisticsState
from notifyhub.statistics.spans import EARLIEST, QUARTER, quarter_of

messages, state = table_of(Message), table_of(StatisticsState)
quarters, counts = table_of(StatisticsQuarter), table_of(StatisticsCount)
open_messages = table_of(OpenMessage)

MARGIN = timedelta(hours=1)
"""From a quarter's end until it is counted: a message is stored later than its `created_at` says."""
FRESH = MARGIN / 2
"""A message younger than this is in no quarter that is counted before a change of it is committed."""
FIRST_PAUSE, LONGEST_PAUSE = timedelta(minutes=15), timedelta(hours=12)
"""Between two countings of a quarter, in which it grows as old again as it was."""
MAX_OPEN = 0.25
"""The part of a quarter's messages that may be open: to look one up costs more than to pass over it."""
QUARTERS_AT_ONCE = 1000
"""The most quarters that one transaction makes known."""

OPEN = or_(
    messages.c.status.in_(LIVE),
    and_(messages.c.status == MessageStatus.SENT, messages.c.report_due_at.is_not(None)),
)
"""The condition of a message that may change by itself. The others change by those who call `reopen`."""

_ALIKE = tuple(counts.c[name] for name in ("quarter", "is_test", "channel", "notifier_id", "status"))
_COUNTED = (
    *("quarter", "by_pattern", "is_test", "channel", "notifier_id", "pattern_id", "status"),
    *("messages", "segments", "sent"),
)


def on_retried(connection: Connection, events: Sequence[MessagesRetried]) -> None:
    """Take back what is counted of messages that a client has sent anew."""
    for event in events:
        reopen(connection, event.created_at)


def on_changed(connection: Connection, events: Sequence[MessageChanged]) -> None:
    """Take back what is counted of messages whose report came after the last time that it was asked for."""
    reported = [
        event.id for event in events if event.status in {MessageStatus.DELIVERED, MessageStatus.UNDELIVERED}
    ]
    if reported:
        created = select(messages.c.id, messages.c.created_at).where(messages.c.id.in_(reported))
        reopen(connection, {row.id: row.created_at for row in connection.execute(created)})


def reopen(connection: Connection, created_at: Mapping[int, datetime]) -> None:
    """Have the quarters counted live whose counts contain messages that this transaction has changed.

    `created_at` is when the messages were created, by their ids.
    """
    moment = now()
    changed = {id_: quarter_of(at) for id_, at in created_at.items() if at < moment - FRESH}
    if not changed:
        return
    _make_known(connection, sorted({*changed.values()}), due_at=moment + FIRST_PAUSE)
    is_open = open_messages.c.message_id.in_(changed)
    left_out = set(connection.scalars(select(open_messages.c.message_id).where(is_open)))
    wrong = {quarter for id_, quarter in changed.items() if id_ not in left_out}
    if wrong:
        uncounted = update(quarters).where(quarters.c.begins_at.in_(wrong))
        connection.execute(uncounted.values(is_counted=False, due_at=moment + FIRST_PAUSE))


def run(seconds: float) -> int:
    """Count the quarters that are due, the latest first, for some seconds; return how many they were."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and advance():
        pass
    count = 0
    while time.monotonic() < deadline and _count_next():
        count += 1
    return count


def forget() -> None:
    """Forget all counts. What is asked for is counted live, until it is counted again."""
    with transaction() as connection:
        timeouts.lift(connection)
        connection.execute(update(state).values(counted_until=EARLIEST))
        for table in (quarters, counts, open_messages):
            connection.execute(delete(table))


def advance() -> bool:
    """Make the quarters known that are over for long enough; return whether there may be more of them."""
    end = quarter_of(now() - MARGIN)
    if autocommit().execute(select(state.c.counted_until)).scalar_one() >= end:
        return False
    with transaction() as connection:
        until = connection.execute(select(state.c.counted_until).with_for_update()).scalar_one()
        found: list[datetime] = []
        while len(found) < QUARTERS_AT_ONCE and (begin := _next_with_messages(connection, until, end)):
            found.append(begin)
            until = begin + QUARTER
        if found:
            _make_known(connection, found, due_at=now())
        more = len(found) == QUARTERS_AT_ONCE
        connection.execute(update(state).values(counted_until=until if more else max(until, end)))
    return more


def _next_with_messages(connection: Connection, begin: datetime, end: datetime) -> datetime | None:
    """Return the first quarter between two moments in which a message was created."""
    between = and_(messages.c.created_at >= begin, messages.c.created_at < end)
    first = select(messages.c.created_at).where(between).order_by(messages.c.created_at).limit(1)
    created_at = connection.execute(first).scalar()
    return None if created_at is None else quarter_of(created_at)


def _make_known(connection: Connection, begins: Sequence[datetime], *, due_at: datetime) -> None:
    """Lock the rows of quarters, in order of time; those that have none get one, as not counted."""
    rows = [{"begins_at": begin, "is_counted": False, "due_at": due_at} for begin in begins]
    unchanged = {"due_at": quarters.c.due_at}
    connection.execute(upsert(connection, quarters, rows, key=["begins_at"], changes=unchanged))


def _next_due() -> Select[Any]:
    until = select(state.c.counted_until).scalar_subquery()
    due = select(quarters.c.begins_at).where(quarters.c.due_at <= now(), quarters.c.begins_at < until)
    return due.order_by(quarters.c.begins_at.desc()).limit(1)


def _count_next() -> bool:
    """Count the latest quarter that is due and that nobody has; return whether there was one."""
    if autocommit().execute(_next_due()).first() is None:  # without the lock that SQLite's transactions take
        return False
    with transaction() as connection:
        due = connection.execute(_next_due().with_for_update(of=quarters, skip_locked=True)).scalar()
        if due is not None:
            timeouts.lift(connection)  # millions of messages may be of one quarter
            count_quarter(connection, due)
    return due is not None


def count_quarter(connection: Connection, begin: datetime) -> None:
    """Count a quarter, whose row is locked; not if too much of it is open."""
    inside = and_(messages.c.created_at >= begin, messages.c.created_at < begin + QUARTER, OF_PRODUCTS)
    total, still_open = connection.execute(
        select(func.count(), func.count().filter(OPEN)).select_from(messages).where(inside)
    ).one()
    of_this = and_(counts.c.by_pattern.in_((True, False)), counts.c.quarter == begin)  # as the index has them
    connection.execute(delete(counts).where(of_this))
    connection.execute(delete(open_messages).where(open_messages.c.quarter == begin))
    is_counted = still_open <= total * MAX_OPEN
    if is_counted:
        still_open = _store_counts(connection, begin, inside)
    this = quarters.c.begins_at == begin
    if is_counted and not still_open:
        connection.execute(delete(quarters).where(this))
        return
    moment = now()
    pause = min(max(moment - begin, FIRST_PAUSE), LONGEST_PAUSE)
    connection.execute(update(quarters).where(this).values(is_counted=is_counted, due_at=moment + pause))


def _store_counts(connection: Connection, begin: datetime, inside: ColumnElement[bool]) -> int:
    """Store the counts of a quarter's messages and those that they leave out; return how many these are.

    What is left out is stored first: a message that changes in between is left out all the same.
    """
    quarter = literal(begin, quarters.c.begins_at.type)
    left_out = select(messages.c.id, quarter).where(inside, OPEN)
    connection.execute(insert(open_messages).from_select(["message_id", "quarter"], left_out))
    is_open = select(open_messages.c.message_id).where(open_messages.c.message_id == messages.c.id).exists()
    alike = [messages.c[name] for name in ("is_test", "channel", "notifier_id", "pattern_id", "status")]
    closed = (
        select(
            quarter,
            literal(True),
            *alike,
            func.count(),
            func.sum(SEGMENTS),
            func.sum(SENT),
        )
        .where(inside, ~is_open)
        .group_by(*alike)
    )
    connection.execute(insert(counts).from_select(_COUNTED, closed))
    *before, status = _ALIKE[1:]
    fewer = (
        select(
            counts.c.quarter,
            literal(False),
            *before,
            null(),
            status,
            *(func.sum(counts.c[name]) for name in ("messages", "segments", "sent")),
        )
        .where(counts.c.quarter == begin, counts.c.by_pattern.is_(True))
        .group_by(*_ALIKE)
    )
    connection.execute(insert(counts).from_select(_COUNTED, fewer))
    of_this = select(func.count()).select_from(open_messages).where(open_messages.c.quarter == begin)
    return connection.execute(of_this).scalar_one()
