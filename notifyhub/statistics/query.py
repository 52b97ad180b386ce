"""The query: what is counted already and what is counted live, added up in one statement."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    FromClause,
    Select,
    case,
    cast,
    column,
    func,
    literal,
    select,
    true,
    union_all,
    values,
)

from notifyhub.api.pagination.ranges import without_index
from notifyhub.database.base import table_of
from notifyhub.database.columns import UTC_TIME
from notifyhub.database.connections import is_postgresql, snapshot
from notifyhub.messages.models import Message, MessageStatus
from notifyhub.statistics.intervals import Interval
from notifyhub.statistics.measures import OF_PRODUCTS, SEGMENTS, SENT
from notifyhub.statistics.models import OpenMessage, StatisticsCount, StatisticsQuarter, StatisticsState
from notifyhub.statistics.spans import Span, Spans, partition, quarter_of

_messages, _counts, _open = table_of(Message), table_of(StatisticsCount), table_of(OpenMessage)
_state, _quarters = table_of(StatisticsState), table_of(StatisticsQuarter)

MAX_RESULTS = 20_000
BATCH = "batch_id"

KEYS = {"channel": "channel", "notifier": "notifier_id", "pattern": "pattern_id", "status": "status"}
"""What statistics can be told apart by, and the columns that say it."""
ENDS = (MessageStatus.DELIVERED, MessageStatus.UNDELIVERED, MessageStatus.FAILED)
"""The statuses that have a number of their own in each result."""
MEASURES = ("messages", "segments", "sent", *(status.value for status in ENDS))


class TooManyResults(Exception):
    """There are more results than an answer may have."""


@dataclass(frozen=True)
class Selection:
    """Which messages are counted, and what they are told apart by.

    `equal` are values that they have in columns of `messages`; `keys` are of KEYS.
    """

    intervals: Sequence[Interval]
    keys: Sequence[str]
    equal: Mapping[str, Any] = field(default_factory=dict)

    @property
    def by_pattern(self) -> bool:
        """Whether it matters which pattern a message was made with."""
        return "pattern" in self.keys or "pattern_id" in self.equal


def results(selection: Selection) -> list[dict[str, Any]]:
    """Return the results in order of time, then of the keys; raises TooManyResults."""
    if not selection.intervals:
        return []
    with snapshot() as connection:
        spans = _spans(connection, selection)
        rows = connection.execute(_statement(selection, spans)).all()
    if len(rows) > MAX_RESULTS:
        raise TooManyResults
    names = ("start", *selection.keys, *MEASURES)
    starts = [interval.start.isoformat() for interval in selection.intervals]
    return [dict(zip(names, (starts[number], *row), strict=True)) for number, *row in rows]


def _spans(connection: Connection, selection: Selection) -> Spans:
    """Return what is counted already, and what is not."""
    first, last = selection.intervals[0].begin, selection.intervals[-1].end
    if BATCH in selection.equal:  # of which nothing is counted
        return partition(selection.intervals, first, [])
    until = select(_state.c.counted_until, literal(None, UTC_TIME))
    uncounted = select(literal(None, UTC_TIME), _quarters.c.begins_at).where(
        _quarters.c.is_counted.is_(False),
        _quarters.c.begins_at >= quarter_of(first),
        _quarters.c.begins_at < last,
    )
    rows = connection.execute(union_all(until, uncounted)).all()
    (counted_until,) = (moment for moment, _ in rows if moment is not None)
    return partition(selection.intervals, counted_until, [begin for _, begin in rows if begin is not None])


def _statement(selection: Selection, spans: Spans) -> Select[Any]:
    parts: list[Select[Any]] = []
    if spans.counted:
        counted = _table("counted", spans.counted)
        parts += [_counted(counted, selection), _left_out(counted, selection)]
    if spans.live:
        parts.append(_live(_table("live", spans.live), selection))
    found = union_all(*parts).subquery("found")
    keys = [found.c[KEYS[key]] for key in selection.keys]
    ends = (func.sum(case((found.c.status == end, found.c.messages), else_=0)) for end in ENDS)
    sums = (func.sum(found.c[name]) for name in ("messages", "segments", "sent"))
    return (
        select(found.c.number, *keys, *(cast(total, BigInteger) for total in (*sums, *ends)))
        .group_by(found.c.number, *keys)
        .order_by(found.c.number, *(key.nulls_first() for key in keys))
        .limit(MAX_RESULTS + 1)
    )


def _table(name: str, spans: Sequence[Span]) -> FromClause:
    columns = (column("number", BigInteger), column("begin", UTC_TIME), column("end", UTC_TIME))
    return values(*columns).data([tuple(span) for span in spans]).cte(name)


def _counted(spans: FromClause, selection: Selection) -> Select[Any]:
    """Return the query of the counts of some spans."""
    keys = _keys(_counts, selection)
    sums = (func.sum(_counts.c[name]).label(name) for name in ("messages", "segments", "sent"))
    each = select(*keys, *sums).where(
        _counts.c.by_pattern == selection.by_pattern,
        *_within(spans, _counts.c.quarter),
        *_conditions(_counts, selection),
    )
    return _of_each(spans, each.group_by(*keys))


def _left_out(spans: FromClause, selection: Selection) -> Select[Any]:
    """Return the query of the messages that the counts of some spans leave out."""
    each = _messages_of(selection).join(_open, _open.c.message_id == _messages.c.id)
    return _of_each(spans, each.where(*_within(spans, _open.c.quarter)))


def _live(spans: FromClause, selection: Selection) -> Select[Any]:
    """Return the query of all messages of some spans."""
    each = _messages_of(selection).where(*_within(spans, _messages.c.created_at))
    return _of_each(spans, each, lateral=BATCH not in selection.equal)  # of which there are few


def _messages_of(selection: Selection) -> Select[Any]:
    keys = _keys(_messages, selection)
    sums = (func.sum(SEGMENTS).label("segments"), func.sum(SENT).label("sent"))
    messages = select(*keys, func.count().label("messages"), *sums).group_by(*keys)
    conditions = [*_conditions(_messages, selection), OF_PRODUCTS]
    if BATCH in selection.equal:
        return messages.where(*conditions)
    # SQLite would rather read all messages of a notifier than those of some hours.
    return messages.where(*map(without_index, conditions))


def _of_each(spans: FromClause, each: Select[Any], *, lateral: bool = True) -> Select[Any]:
    """Return the query that adds up for each span what lies within it.

    With `lateral` by the range of an index: PostgreSQL would rather read all messages than several ranges.
    """
    if lateral and is_postgresql():
        within = each.correlate(spans).lateral()
        return select(spans.c.number, *within.c).join_from(spans, within, true())
    return each.with_only_columns(spans.c.number, *each.selected_columns).group_by(spans.c.number)


def _within(spans: FromClause, moment: ColumnElement[Any]) -> tuple[ColumnElement[bool], ...]:
    return moment >= spans.c.begin, moment < spans.c.end


def _keys(table: FromClause, selection: Selection) -> list[ColumnElement[Any]]:
    """Return the columns by which messages are told apart here: the status always, see ENDS."""
    return [table.c[name] for key, name in KEYS.items() if key in (*selection.keys, "status")]


def _conditions(table: FromClause, selection: Selection) -> list[ColumnElement[bool]]:
    return [table.c[name] == value for name, value in selection.equal.items()]
