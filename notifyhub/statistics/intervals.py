"""Intervals: the hours, days and months of a time zone. Pure functions.

A zone's clock may be put forward or back, by half an hour or by a day, at any time of the day. So an interval
is not of one length, but lasts from where its hour, day or month begins on that clock to where the next one
does: an hour that comes twice is two intervals, a day that is left out is none.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo

MAX_INTERVALS = 1000
DEFAULT_DAYS = 7

HOUR, DAY, MONTH = timedelta(hours=1), timedelta(days=1), timedelta(days=31)


class Length(StrEnum):
    """What an interval is."""

    HOUR = "hour"
    DAY = "day"
    MONTH = "month"
    TOTAL = "total"


_LONGEST = {Length.HOUR: HOUR, Length.DAY: DAY, Length.MONTH: MONTH}


class TooManyIntervals(Exception):
    """There are more intervals than anybody looks at."""


class Interval(NamedTuple):
    """A part of what is asked for, from `begin` to before `end`, in UTC.

    `start` is where its hour, day or month begins, by the zone's clock.
    """

    start: datetime
    begin: datetime
    end: datetime


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """Return the moment, in UTC, at which a day begins.

    A midnight that the clock leaves out is the moment at which it is put forward; of one that comes twice it
    is the first.
    """
    return datetime.combine(day, time.min, zone).astimezone(UTC)


def default_begin(end: datetime, zone: ZoneInfo) -> datetime:
    """Return the midnight with which seven days begin, of which the last has the moment before `end`."""
    last = (end - timedelta(microseconds=1)).astimezone(zone).date()
    return midnight(last - timedelta(days=DEFAULT_DAYS - 1), zone)


def divide(begin: datetime, end: datetime, length: Length, zone: ZoneInfo) -> list[Interval]:
    """Return the intervals between two moments, the first and the last one cut by them.

    Raises TooManyIntervals.
    """
    if length is Length.TOTAL:
        return [Interval(begin.astimezone(zone), begin, end)]
    if end - begin > MAX_INTERVALS * _LONGEST[length]:
        raise TooManyIntervals
    boundaries = {
        moment
        for wall in _walls(begin.astimezone(zone), end.astimezone(zone), length)
        for moment in _moments(wall, zone, twice=length is Length.HOUR)
    }
    return [
        Interval(start.astimezone(zone), max(start, begin), min(next_, end))
        for start, next_ in pairwise(sorted(boundaries))
        if start < end and next_ > begin
    ]


def _walls(begin: datetime, end: datetime, length: Length) -> Iterator[datetime]:
    """Give what a clock shows where hours, days or months begin, from well before to well after two times."""
    wall, last = begin.replace(tzinfo=None) - 2 * DAY, end.replace(tzinfo=None) + 2 * DAY
    wall = datetime.combine(wall, time.min)
    if length is Length.MONTH:
        wall, last = wall.replace(day=1), last + MONTH
    while wall <= last:
        yield wall
        wall += _LONGEST[length]
        if length is Length.MONTH:  # the first and 31 days is a day of the next month
            wall = wall.replace(day=1)


def _moments(wall: datetime, zone: ZoneInfo, *, twice: bool) -> list[datetime]:
    """Return when a zone's clock shows a time; with `twice` also when it does so a second time."""
    first, second = (wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    return [first, second] if twice and second > first else [first]
