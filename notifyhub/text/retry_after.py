"""The header Retry-After (RFC 9110, 10.2.3): a number of seconds, or a date of HTTP."""

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime


def parse(header: str | None, at: datetime, most: timedelta) -> timedelta | None:
    """Return how long a server asks at a moment to be left alone, at most `most`; None if it does not say."""
    text = (header or "").strip()
    if re.fullmatch(r"[0-9]+", text):
        return timedelta(seconds=min(int(text[:9]), most.total_seconds()))
    try:
        moment = parsedate_to_datetime(text)
        return min(max(moment.replace(tzinfo=moment.tzinfo or UTC) - at, timedelta()), most)
    except (ArithmeticError, LookupError, TypeError, ValueError):  # all of which that parser knows
        return None
