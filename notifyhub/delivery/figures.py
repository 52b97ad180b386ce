"""Figures: how many attempts at each notifier succeed and fail, and how long they take.

A process counts in memory and adds up in the database once a second, so that they cost the delivery no
statement. A process that is killed takes the figures of its last second with it: the messages are the truth.
"""

import re
import threading
import time
from bisect import bisect_left
from collections import Counter
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from flask import current_app
from sqlalchemy import Connection, Table, and_, case, delete, func, or_

from notifyhub import instruments
from notifyhub.database.base import now, table_of
from notifyhub.database.connections import autocommit, transaction
from notifyhub.database.upsert import inserted, upsert
from notifyhub.delivery.models import LatestFigures, MinuteFigures
from notifyhub.providers.errors import Failure
from notifyhub.text.code_masks import MASK

minutes, latest = table_of(MinuteFigures), table_of(LatestFigures)

FLUSH_SECONDS = 1.0
ROWS_PER_STATEMENT = 1000
KEPT_MINUTES = 120
LONGEST_MS = 3_600_000

_RECIPIENT = re.compile(r"\+?\d{7,}|\S+@\S+")


class Counted(StrEnum):
    """What is counted: attempts that were accepted or not, and messages that were reported as delivered."""

    ACCEPTED = "accepted"
    FAILED = "failed"
    DELIVERED = "delivered"


def _durations() -> list[int]:
    """Return the durations to which others are rounded up: each whole one, from ten on a tenth apart."""
    bounds = [1]
    while bounds[-1] < LONGEST_MS:
        bounds.append(max(bounds[-1] + 1, int(bounds[-1] * 1.1)))
    return bounds


_DURATIONS = _durations()


class Notifier(NamedTuple):
    """A notifier by its channel and id."""

    channel: str
    id: int


class Latest(NamedTuple):
    """The latest success and failure that are known of a notifier."""

    accepted_at: datetime | None = None
    failed_at: datetime | None = None
    error_code: str | None = None
    error_detail: str | None = None


class Figures:
    """Those that a process has counted and not yet written."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[tuple[int, str, int, str, int]] = Counter()
        self._latest: dict[Notifier, Latest] = {}

    def count_attempt(self, notifier: Notifier, failure: Failure | None, ms: int | None = None) -> None:
        """Count an attempt that has ended; `ms` is None if it was not seen how long it took."""
        counted = Counted.ACCEPTED if failure is None else Counted.FAILED
        instruments.count_attempt(*notifier, "accepted" if failure is None else failure.outcome, ms)
        at = now()
        with self._lock:
            self._counts[_minute(), *notifier, counted, 0 if ms is None else rounded_up(ms)] += 1
            before = self._latest.get(notifier, Latest())
            self._latest[notifier] = (
                before._replace(accepted_at=at)
                if failure is None
                else Latest(before.accepted_at, at, failure.code, without_recipients(failure.detail))
            )

    def count_deliveries(self, notifier: Notifier, count: int) -> None:
        """Count messages that a provider has reported as delivered."""
        with self._lock:
            self._counts[_minute(), *notifier, Counted.DELIVERED, 0] += count

    def flush(self) -> None:
        """Write what has been counted; it is kept if that fails."""
        with self._lock:
            counts, self._counts = self._counts, Counter()
            seen, self._latest = self._latest, {}
        try:
            if counts or seen:
                with transaction() as connection:
                    _write(connection, counts, seen)
        except BaseException:
            with self._lock:
                self._counts.update(counts)
                self._latest = seen | self._latest
            raise


def figures() -> Figures:
    """Return the application's figures."""
    return current_app.extensions["figures"]  # type: ignore[no-any-return]


def rounded_up(ms: int) -> int:
    """Return the duration as which one is counted: it is no shorter, and a tenth longer at most."""
    return _DURATIONS[min(bisect_left(_DURATIONS, ms), len(_DURATIONS) - 1)]


def without_recipients(detail: str) -> str:
    """Return a provider's words without what could be a number or an address of somebody."""
    return _RECIPIENT.sub(3 * MASK, detail)


def purge() -> None:
    """Delete the figures of minutes that nobody asks for any more."""
    autocommit().execute(delete(minutes).where(minutes.c.minute < _minute() - KEPT_MINUTES))


def _minute() -> int:
    return int(time.time() // 60)


def _write(
    connection: Connection, counts: Counter[tuple[int, str, int, str, int]], seen: dict[Notifier, Latest]
) -> None:
    """Add figures to those that are there; in one order, so that no two processes wait for each other."""
    names = ("minute", "channel", "notifier_id", "counted", "ms")
    counted = [{**dict(zip(names, key, strict=True)), "count": counts[key]} for key in sorted(counts)]
    _upsert(connection, minutes, names, counted, {"count": minutes.c.count + inserted(minutes.c.count)})
    told = [
        {"channel": notifier.channel, "notifier_id": notifier.id, **seen[notifier]._asdict()}
        for notifier in sorted(seen)
    ]
    _upsert(connection, latest, ("channel", "notifier_id"), told, _LATEST)


def _upsert(
    connection: Connection,
    table: Table,
    key: tuple[str, ...],
    rows: list[dict[str, Any]],
    changes: dict[str, Any],
) -> None:
    for start in range(0, len(rows), ROWS_PER_STATEMENT):
        portion = rows[start : start + ROWS_PER_STATEMENT]
        connection.execute(upsert(connection, table, portion, key=list(key), changes=changes))


_failed_later = and_(
    inserted(latest.c.failed_at).is_not(None),
    or_(latest.c.failed_at.is_(None), latest.c.failed_at <= inserted(latest.c.failed_at)),
)
_LATEST: dict[str, Any] = {
    "accepted_at": func.coalesce(inserted(latest.c.accepted_at), latest.c.accepted_at),
    **{
        name: case((_failed_later, inserted(latest.c[name])), else_=latest.c[name])
        for name in ("failed_at", "error_code", "error_detail")
    },
}
