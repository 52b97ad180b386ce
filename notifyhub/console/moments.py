"""Days and times as people type them: of either calendar, in any digits, by the chosen time zone's clock."""

import re
from datetime import datetime, timedelta

from persiantools.jdatetime import JalaliDateTime

from notifyhub.console.preferences import timezone
from notifyhub.text.digits import ascii_digits

_TYPED = re.compile(
    r"(?P<year>\d{4})[-/.](?P<month>\d{1,2})[-/.](?P<day>\d{1,2})"
    r"(?:[ T،,]+(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2}))?)?"
)
_FIRST_GREGORIAN_YEAR = 1700
"""Years before it are Jalali ones, which are at 1405 now."""


def read(typed: str, *, end: bool = False) -> datetime | None:
    """Return the moment that was typed, such as `۱۴۰۵/۰۹/۰۵ ۱۴:۳۰` or `2026-11-26`; None if it is none.

    A day is its first moment; at the `end` of a span, the first moment of the next one.
    """
    found = _TYPED.fullmatch(ascii_digits(typed).strip())
    if found is None:
        return None
    year, month, day, hour, minute, second = (int(part or 0) for part in found.groups())
    kind = JalaliDateTime if year < _FIRST_GREGORIAN_YEAR else datetime
    try:
        given = kind(year, month, day, hour, minute, second)
        naive = given.to_gregorian() if isinstance(given, JalaliDateTime) else given
    except ValueError:
        return None
    local = naive.replace(tzinfo=None) + timedelta(days=int(end and found["hour"] is None))
    return local.replace(tzinfo=timezone())
