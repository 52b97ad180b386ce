"""The oracle: statistics as counted in Python, message by message."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from flask import Flask
from sqlalchemy import select

from notifyhub.database.base import table_of
from notifyhub.extensions import db
from notifyhub.messages.models import Message

STATISTICS = "/api/notifications/statistics"
MEASURES = ("messages", "segments", "sent", "delivered", "undelivered", "failed")
COLUMNS = {
    "channel": "channel",
    "notifier": "notifier_id",
    "pattern": "pattern_id",
    "status": "status",
    "batch": "batch_id",
    "test": "is_test",
}


def stored(app: Flask) -> list[Any]:
    """Return all messages."""
    with app.app_context(), db.engine.connect() as connection:
        return list(connection.execute(select(table_of(Message))).all())


def start_of(moment: datetime, interval: str) -> datetime:
    """Return the beginning of the hour, day or month of a moment, which has its zone's clock."""
    whole = moment.replace(minute=0, second=0, microsecond=0)
    if interval == "hour":
        return whole
    whole = whole.replace(hour=0, fold=0)
    return whole if interval == "day" else whole.replace(day=1)


def counted(
    rows: Iterable[Any],
    begin: datetime,
    end: datetime,
    *,
    interval: str = "day",
    by: Sequence[str] = (),
    zone: str = "Asia/Tehran",
    **filters: Any,
) -> list[dict[str, Any]]:
    """Return the results for the messages of some rows, in an order that does not matter."""
    filters = {"test": False, **filters}
    clock = ZoneInfo(zone)
    found: dict[tuple[Any, ...], dict[str, int]] = defaultdict(lambda: dict.fromkeys(MEASURES, 0))
    for row in rows:
        if not begin <= row.created_at < end:
            continue
        if any(getattr(row, COLUMNS[name]) != value for name, value in filters.items()):
            continue
        at = begin if interval == "total" else row.created_at
        local = at.astimezone(clock)
        start = local if interval == "total" else start_of(local, interval)
        numbers = found[(start.isoformat(), *(getattr(row, COLUMNS[key]) for key in by))]
        numbers["messages"] += 1
        numbers["segments"] += row.segments or 0
        numbers["sent"] += (row.sent_at or row.earlier_sent_at) is not None
        if row.status in numbers:
            numbers[row.status] += row.status != "sent"
    return [dict(zip(("start", *by), key, strict=True)) | numbers for key, numbers in found.items()]


def in_any_order(results: Iterable[dict[str, Any]]) -> list[str]:
    """Return results so that they can be compared whatever their order."""
    return sorted(str(sorted(result.items())) for result in results)
