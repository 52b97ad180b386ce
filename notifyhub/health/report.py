"""The report: who delivers, what waits, how each notifier does; what is wrong, in words for a human.

It takes four statements, however many workers and notifiers there are.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, select

from notifyhub.database.base import table_of
from notifyhub.database.clock import DatabaseNow
from notifyhub.health import notifiers, queue_depths
from notifyhub.health.problems import Finding, findings
from notifyhub.health.queue_depths import QueueDepth
from notifyhub.jobs.heartbeats import MISSING_AFTER
from notifyhub.jobs.models import Role, Worker

_workers = table_of(Worker)
_one = select(DatabaseNow().label("at")).subquery()
_seen = (
    select(
        _one.c.at, *(_workers.c[name] for name in ("role", "name", "queues", "started_at", "last_seen_at"))
    )
    .select_from(_one.outerjoin(_workers, _workers.c.role.in_(list(Role))))
    .order_by(_workers.c.started_at, _workers.c.name)
)


class Report(NamedTuple):
    """The health at a moment of the database's clock: what is wrong, and all as clients see it."""

    at: datetime
    findings: Sequence[Finding]
    answer: dict[str, Any]


def read(connection: Connection) -> dict[str, Any]:
    """Return the service's health, as clients see it."""
    return examine(connection).answer


def examine(connection: Connection) -> Report:
    """Return the service's health.

    The moments of processes, and the one that all else is compared with, are of the database's clock.
    """
    rows = connection.execute(_seen).all()
    at: datetime = rows[0].at
    depths = queue_depths.read(connection, at)
    lines = notifiers.read(connection, at)
    found = findings(at, _last_seen(rows, Role.WORKER), _last_seen(rows, Role.SCHEDULER), depths, lines)
    answer = {
        "status": _status(found),
        "problems": [finding.words for finding in found],
        "workers": [_worker(row) for row in rows if row.role == Role.WORKER and _lives(row, at)],
        "scheduler": {"last_seen_at": _last_seen(rows, Role.SCHEDULER)},
        "queues": [_queue(name, depth, at) for name, depth in depths.items()],
        "notifiers": lines,
    }
    return Report(at, found, answer)


def _status(found: Sequence[Finding]) -> str:
    if any(finding.is_down for finding in found):
        return "down"
    return "degraded" if found else "ok"


def _last_seen(rows: Sequence[Any], role: Role) -> datetime | None:
    return max((row.last_seen_at for row in rows if row.role == role), default=None)


def _lives(row: Any, at: datetime) -> bool:
    return bool(at - row.last_seen_at <= MISSING_AFTER)


def _worker(row: Any) -> Mapping[str, Any]:
    return {name: getattr(row, name) for name in ("name", "queues", "started_at", "last_seen_at")}


def _queue(name: str, depth: QueueDepth, at: datetime) -> Mapping[str, Any]:
    seconds = None if depth.since is None else int((at - depth.since).total_seconds())
    return {"name": name, "waiting": depth.waiting, "oldest_seconds": seconds}
