"""Spans: which parts of an interval are counted already, and which have to be counted in the messages.

    quarters    | counted | counted | not yet | counted | counted |
    interval        [─────────────────────────────────────────)
    spans           [live)[counted )[  live  )[ counted)[live )

Quarters that the interval cuts are counted live, as are those that are not counted yet. Pure functions.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from notifyhub.statistics.intervals import Interval

QUARTER = timedelta(minutes=15)
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
"""Before which nothing is asked for; since then every zone's clock differs from UTC by whole quarters."""

MAX_RANGES = 1000
"""Of what is to be counted live; if there are more, what lies between near ones is counted live, too."""

_END_OF_TIME = datetime.max.replace(tzinfo=UTC)


class Span(NamedTuple):
    """A part of an interval, whose number in their list it has: from `begin` to before `end`."""

    number: int
    begin: datetime
    end: datetime


class Spans(NamedTuple):
    """All parts of some intervals: of whole quarters that are counted, and the others."""

    counted: list[Span]
    live: list[Span]


class _Range(NamedTuple):
    begin: datetime
    end: datetime


def quarter_of(moment: datetime) -> datetime:
    """Return the beginning of the quarter of an hour in which a moment lies."""
    return EARLIEST + (moment - EARLIEST) // QUARTER * QUARTER


def partition(intervals: Sequence[Interval], counted_until: datetime, uncounted: Iterable[datetime]) -> Spans:
    """Return the spans of intervals, given until when all is counted but some quarters."""
    ranges = _live_ranges(counted_until, uncounted)
    ends = [range_.end for range_ in ranges]
    spans = Spans([], [])
    for number, (_, begin, end) in enumerate(intervals):
        first, last = min(_whole_from(begin), end), max(quarter_of(end), begin)
        live = [_Range(begin, first), _Range(last, end)]
        for range_ in ranges[bisect_right(ends, begin) :]:
            if range_.begin >= end:
                break
            live.append(_Range(max(range_.begin, begin), min(range_.end, end)))
        _add(spans, number, _Range(begin, end), _merged(live))
    return spans


def _live_ranges(counted_until: datetime, uncounted: Iterable[datetime]) -> list[_Range]:
    """Return what is not counted, as few ranges in order of time."""
    quarters = [_Range(begin, begin + QUARTER) for begin in uncounted]
    ranges = _merged([*quarters, _Range(counted_until, _END_OF_TIME)])
    gap = QUARTER
    while len(ranges) > MAX_RANGES:
        ranges = _merged(ranges, gap)
        gap *= 2
    return ranges


def _merged(ranges: Iterable[_Range], gap: timedelta = timedelta(0)) -> list[_Range]:
    """Return ranges in order of time, as one those that overlap, or lie no farther apart than `gap`."""
    merged: list[_Range] = []
    for range_ in sorted(ranges):
        if range_.begin == range_.end:
            continue
        if merged and range_.begin - merged[-1].end <= gap:
            merged[-1] = _Range(merged[-1].begin, max(merged[-1].end, range_.end))
        else:
            merged.append(range_)
    return merged


def _add(spans: Spans, number: int, interval: _Range, live: list[_Range]) -> None:
    """Add the spans of an interval, of which some ranges are counted live, and the rest is counted."""
    begin = interval.begin
    for range_ in live:
        if begin < range_.begin:
            spans.counted.append(Span(number, begin, range_.begin))
        spans.live.append(Span(number, *range_))
        begin = range_.end
    if begin < interval.end:
        spans.counted.append(Span(number, begin, interval.end))


def _whole_from(moment: datetime) -> datetime:
    """Return the first beginning of a quarter that is not before a moment."""
    quarter = quarter_of(moment)
    return quarter if quarter == moment else quarter + QUARTER
