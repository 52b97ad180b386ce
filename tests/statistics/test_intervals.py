"""Hours, days and months of time zones: where they begin, also where a clock is put forward or back."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifyhub.statistics.intervals import (
    MAX_INTERVALS,
    Interval,
    Length,
    TooManyIntervals,
    default_begin,
    divide,
)
from notifyhub.statistics.spans import EARLIEST, QUARTER
from tests.statistics.counting import start_of

ZONES = (
    *("Asia/Tehran", "UTC", "Asia/Kathmandu", "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe"),
    *(
        "Africa/Cairo",
        "America/Havana",
        "Antarctica/Troll",
        "Pacific/Apia",
        "Asia/Pyongyang",
        "Africa/Monrovia",
    ),
    *("America/Caracas", "Pacific/Chatham", "Pacific/Kiritimati"),
)
moments = st.datetimes(
    datetime(2001, 1, 1),  # noqa: DTZ001 - the strategy gives the zone
    datetime(2040, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)


def starts(zone: str, length: str, begin: str, end: str) -> list[str]:
    moments = (datetime.fromisoformat(text).astimezone(UTC) for text in (begin, end))
    return [each.start.isoformat() for each in divide(*moments, Length(length), ZoneInfo(zone))]


@pytest.mark.parametrize(
    ("zone", "length", "begin", "end", "expected"),
    [
        (
            "Asia/Tehran",
            "day",
            "2026-03-20T12:00+03:30",
            "2026-03-22T00:00+03:30",
            ["2026-03-20T00:00:00+03:30", "2026-03-21T00:00:00+03:30"],
        ),
        # Until 2022 Iran put its clocks forward at midnight: that day began at one o'clock.
        (
            "Asia/Tehran",
            "day",
            "2022-03-21T00:00+03:30",
            "2022-03-22T12:00+04:30",
            ["2022-03-21T00:00:00+03:30", "2022-03-22T01:00:00+04:30"],
        ),
        (
            "Europe/Berlin",
            "hour",
            "2026-10-25T01:30+02:00",
            "2026-10-25T03:00+01:00",
            ["2026-10-25T01:00:00+02:00", "2026-10-25T02:00:00+02:00", "2026-10-25T02:00:00+01:00"],
        ),
        (
            "Europe/Berlin",
            "hour",
            "2026-03-29T01:30+01:00",
            "2026-03-29T04:00+02:00",
            ["2026-03-29T01:00:00+01:00", "2026-03-29T03:00:00+02:00"],
        ),
        # Half an hour back: what comes twice is a part of the hour before.
        (
            "Australia/Lord_Howe",
            "hour",
            "2026-04-05T01:00+11:00",
            "2026-04-05T03:00+10:30",
            ["2026-04-05T01:00:00+11:00", "2026-04-05T02:00:00+10:30"],
        ),
        # A day that Samoa left out.
        (
            "Pacific/Apia",
            "day",
            "2011-12-29T00:00-10:00",
            "2012-01-01T00:00+14:00",
            ["2011-12-29T00:00:00-10:00", "2011-12-31T00:00:00+14:00"],
        ),
        (
            "Asia/Kathmandu",
            "month",
            "2026-01-31T23:59+05:45",
            "2026-03-01T00:00+05:45",
            ["2026-01-01T00:00:00+05:45", "2026-02-01T00:00:00+05:45"],
        ),
        ("UTC", "total", "2026-01-01T10:20+00:00", "2027-01-01T00:00+00:00", ["2026-01-01T10:20:00+00:00"]),
    ],
)
def test_where_intervals_begin(zone: str, length: str, begin: str, end: str, expected: list[str]) -> None:
    assert starts(zone, length, begin, end) == expected


@given(
    begin=moments,
    hours=st.integers(1, 900),
    length=st.sampled_from(Length),
    zone=st.sampled_from(ZONES),
)
def test_intervals_follow_each_other_without_a_gap(
    begin: datetime, hours: int, length: Length, zone: str
) -> None:
    end = begin + timedelta(hours=hours)
    found = divide(begin, end, length, ZoneInfo(zone))
    assert (found[0].begin, found[-1].end) == (begin, end)
    assert all(before.end == after.begin for before, after in pairwise(found))
    assert all(each.begin < each.end for each in found)
    for number, (start, first, _) in enumerate(found):
        assert start == first or (number == 0 and start < first) or length is Length.TOTAL
        if length is not Length.TOTAL:
            assert (start - EARLIEST) % QUARTER == timedelta(0)


@given(begin=moments, moment=moments, length=st.sampled_from(list(Length)[:3]), zone=st.sampled_from(ZONES))
def test_a_moment_lies_in_the_hour_day_or_month_that_its_clock_shows(
    begin: datetime, moment: datetime, length: Length, zone: str
) -> None:
    """But for what a clock shows twice, or does not show."""
    clock = ZoneInfo(zone)
    [(start, first, end), *_] = divide(moment, moment + timedelta(seconds=1), length, clock)
    assert first <= moment < end
    local = moment.astimezone(clock)
    usual = start_of(local, length)
    if usual.astimezone(UTC).astimezone(clock) == usual and usual.utcoffset() == local.utcoffset():
        assert start == usual


@pytest.mark.parametrize(("length", "days"), [("hour", 1000 / 24), ("day", 1000), ("month", 31_000)])
def test_there_is_a_greatest_number_of_intervals(length: str, days: float) -> None:
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    most = divide(begin, begin + timedelta(days=days), Length(length), ZoneInfo("UTC"))
    assert MAX_INTERVALS <= len(most) <= MAX_INTERVALS * 1.02
    with pytest.raises(TooManyIntervals):
        divide(begin, begin + timedelta(days=days, seconds=1), Length(length), ZoneInfo("UTC"))


@pytest.mark.parametrize(
    ("end", "begin"),
    [
        ("2026-11-26T10:00+03:30", "2026-11-20T00:00+03:30"),
        ("2026-11-26T00:00:00.000001+03:30", "2026-11-20T00:00+03:30"),
        ("2026-11-26T00:00+03:30", "2026-11-19T00:00+03:30"),
    ],
)
def test_the_last_seven_days_begin_at_a_midnight(end: str, begin: str) -> None:
    found = default_begin(datetime.fromisoformat(end), ZoneInfo("Asia/Tehran"))
    assert found == datetime.fromisoformat(begin)


def test_an_interval_is_in_utc_but_for_its_start() -> None:
    begin, end = datetime(2026, 1, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, 2, tzinfo=UTC)
    [interval] = divide(begin, end, Length.DAY, ZoneInfo("Asia/Tehran"))
    assert interval == Interval(datetime(2025, 12, 31, 20, 30, tzinfo=UTC), begin, end)
    assert interval.start.isoformat() == "2026-01-01T00:00:00+03:30"
