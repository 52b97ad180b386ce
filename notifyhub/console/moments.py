"""Days and moments as people write them: Jalali or Gregorian, in digits of any script, in their time zone."""

import re
from contextlib import suppress
from datetime import date, datetime, time
from typing import NamedTuple
from zoneinfo import ZoneInfo

from persiantools.jdatetime import JalaliDate

from notifyhub.console.formats import is_persian, parse
from notifyhub.console.preferences import timezone
from notifyhub.text.digits import ascii_digits

FIRST_GREGORIAN_YEAR = 1700
"""An earlier year is a Jalali one: 1405 is the year that began in March 2026."""

_WRITTEN = re.compile(
    r"(?P<year>\d{4})[-/.](?P<month>\d{1,2})[-/.](?P<day>\d{1,2})"
    r"(?:(?:\s*[،,T]\s*|\s+)(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2}))?)?"
)


class Written(NamedTuple):
    """A day, and a time of it if one is written."""

    day: date
    time: time | None


def read(text: str) -> Written:
    """Return what is written, such as ۱۴۰۵/۰۹/۰۵ ۱۰:۳۰ or 2026-11-26; raises ValueError."""
    shown = "".join(character for character in text if character.isprintable())
    match = _WRITTEN.fullmatch(ascii_digits(shown.strip()))
    if match is None:
        raise ValueError(text)
    year, month, day = (int(match[part]) for part in ("year", "month", "day"))
    if year < FIRST_GREGORIAN_YEAR:
        on: date = JalaliDate(year, month, day).to_gregorian()
    else:
        on = date(year, month, day)
    if match["hour"] is None:
        return Written(on, None)
    hour, minute, second = (int(match[part] or 0) for part in ("hour", "minute", "second"))
    return Written(on, time(hour, minute, second))


def first_moment(text: str) -> str:
    """Return the moment, or the first one of the day, that is written; what is neither as it is."""
    return _moment(text, time.min)


def last_moment(text: str) -> str:
    """Return the moment, or the last one of the day, that is written; what is neither as it is."""
    return _moment(text, time.max)


def _moment(text: str, of_day: time) -> str:
    try:
        day, at = read(text)
        return datetime.combine(day, at or of_day, timezone()).isoformat()
    except (ValueError, OverflowError):
        return text


def as_written(moment: str) -> str:
    """Return a moment as a form has it: a day, where it is the first or the last moment of one.

    What is no moment with a zone stays as it is.
    """
    try:
        local = parse(moment).astimezone(_zone_of(moment))
    except (ValueError, OverflowError):
        return moment
    day = _day(local.date())
    if local.time() in {time.min, time.max}:
        return day
    return f"{day} {local:%H:%M:%S}" if local.second else f"{day} {local:%H:%M}"


def _day(on: date) -> str:
    """Return a day as a form has it: a Gregorian one, too, where the Jalali calendar knows none."""
    if is_persian():
        with suppress(ValueError):
            return str(JalaliDate.to_jalali(on).strftime("%Y/%m/%d"))
    return on.isoformat()


def _zone_of(moment: str) -> ZoneInfo:
    """Return the chosen time zone; raises ValueError for what has no zone, which is a day to the API."""
    if parse(moment).tzinfo is None:
        raise ValueError(moment)
    return timezone()
