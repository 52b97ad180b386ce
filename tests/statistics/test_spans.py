"""Which parts of intervals are counted already: a partition of them, along quarters of an hour."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from notifyhub.statistics import spans
from notifyhub.statistics.intervals import Interval
from notifyhub.statistics.spans import QUARTER, Span, partition, quarter_of

NOON = datetime(2026, 3, 21, 12, tzinfo=UTC)
MINUTES = st.integers(-300, 300)


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def interval(begin: datetime, end: datetime) -> Interval:
    return Interval(begin, begin, end)


def test_whole_quarters_are_counted_and_their_edges_live() -> None:
    found = partition([interval(at(7), at(63))], at(600), [at(30)])
    assert found.counted == [Span(0, at(15), at(30)), Span(0, at(45), at(60))]
    assert found.live == [Span(0, at(7), at(15)), Span(0, at(30), at(45)), Span(0, at(60), at(63))]


def test_less_than_a_quarter_is_live() -> None:
    assert partition([interval(at(1), at(14))], at(600), []) == ([], [Span(0, at(1), at(14))])
    assert partition([interval(at(14), at(16))], at(600), []) == ([], [Span(0, at(14), at(16))])


def test_what_comes_after_the_counting_is_live() -> None:
    found = partition([interval(at(0), at(60)), interval(at(60), at(90))], at(30), [])
    assert found.counted == [Span(0, at(0), at(30))]
    assert found.live == [Span(0, at(30), at(60)), Span(1, at(60), at(90))]


@given(
    edges=st.lists(MINUTES, min_size=2, unique=True),
    until=MINUTES,
    uncounted=st.sets(MINUTES),
    most=st.integers(1, 8),
)
def test_spans_are_a_partition_whose_counted_parts_are_counted(
    edges: list[int], until: int, uncounted: set[int], most: int
) -> None:
    times = [at(minutes) for minutes in sorted(edges)]
    intervals = [interval(begin, end) for begin, end in pairwise(times)]
    quarters = {quarter_of(at(minutes)) for minutes in uncounted}
    counted_until = quarter_of(at(until))
    before = spans.MAX_RANGES
    spans.MAX_RANGES = most
    try:
        found = partition(intervals, counted_until, quarters)
    finally:
        spans.MAX_RANGES = before
    for number, (_, begin, end) in enumerate(intervals):
        parts = sorted(
            (span.begin, span.end) for span in (*found.counted, *found.live) if span.number == number
        )
        assert [begin, *(part[1] for part in parts)] == [*(part[0] for part in parts), end]
    for _, begin, end in found.counted:
        assert begin < end <= counted_until
        assert (quarter_of(begin), quarter_of(end)) == (begin, end)
        assert not any(begin <= quarter < end for quarter in quarters)


def test_many_single_quarters_become_few_ranges() -> None:
    scattered = [NOON + 2 * number * QUARTER for number in range(5000)]
    found = partition([interval(NOON, NOON + 20_000 * QUARTER)], at(10**9), scattered)
    assert len(found.live) <= spans.MAX_RANGES
    assert found.counted[-1].end == NOON + 20_000 * QUARTER
