"""Time zones by their names in the IANA database."""

from functools import cache
from zoneinfo import ZoneInfo, available_timezones

_names = cache(available_timezones)  # reads the directories where they are kept


def zone(name: str) -> ZoneInfo:
    """Return the time zone of a name, in its one spelling; raises ValueError."""
    if name not in _names():
        raise ValueError("must be the name of a time zone, such as Asia/Tehran")
    return ZoneInfo(name)
