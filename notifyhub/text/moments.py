"""Parsing moments in ISO 8601, as clients write them."""

import re
from datetime import UTC, datetime, timedelta, timezone

_MAX_CHARACTERS = 255
_MOMENT = re.compile(
    r"(?P<date>\d{4}-\d{1,2}-\d{1,2})[T ](?P<hour>\d{1,2}):(?P<minute>\d{1,2})"
    r"(?::(?P<second>\d{1,2})(?:[.,](?P<fraction>\d+))?)?"
    r"\s*(?:(?P<utc>Z)|(?P<sign>[+-])(?P<hours>\d{2})(?::?(?P<minutes>\d{2}))?)?"
)


def parse(text: str) -> datetime:
    """Return the moment, without a zone if none is written; raises ValueError.

    It is read as liberally as Django reads it: by the standard library, and else with one digit where two
    are usual, digits of other scripts, a comma for the point, a blank before the offset. What is finer than
    a microsecond is cut off.
    """
    if len(text) > _MAX_CHARACTERS:
        raise ValueError
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        match = _MOMENT.fullmatch(text)
    if match is None:
        raise ValueError
    year, month, day = map(int, match["date"].split("-"))
    fraction = (match["fraction"] or "")[:6].ljust(6, "0")
    hour, minute, second = (int(match[part] or 0) for part in ("hour", "minute", "second"))
    return datetime(year, month, day, hour, minute, second, int(fraction), _zone(match))


def in_utc(moment: datetime) -> datetime:
    """Return the moment in UTC, whose zone is that if it has none; raises OverflowError."""
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _zone(match: re.Match[str]) -> timezone | None:
    if match["utc"]:
        return UTC
    if not match["sign"]:
        return None
    offset = timedelta(hours=int(match["hours"]), minutes=int(match["minutes"] or 0))
    return timezone(-offset if match["sign"] == "-" else offset)
