"""How well each notifier works: its circuit breaker, the figures of the last hour, its credit."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, and_, bindparam, func, literal, select, union_all

from notifyhub.database.base import table_of
from notifyhub.database.clock import DatabaseNow
from notifyhub.delivery.figures import Counted, latest, minutes
from notifyhub.delivery.models import CircuitBreaker
from notifyhub.health.models import NotifierCredit
from notifyhub.messages.models import Channel
from notifyhub.notifiers.models import EmailNotifier, SMSNotifier

HOUR = timedelta(hours=1)

_breakers, _credits = table_of(CircuitBreaker), table_of(NotifierCredit)
_all = union_all(
    *(
        select(literal(place).label("place"), literal(channel).label("channel"), table.c.id, table.c.name)
        for place, (channel, table) in enumerate(
            ((Channel.SMS.value, table_of(SMSNotifier)), (Channel.EMAIL.value, table_of(EmailNotifier)))
        )
    )
).subquery()


def _of_notifier(table: Any) -> Any:
    return and_(table.c.channel == _all.c.channel, table.c.notifier_id == _all.c.id)


_notifiers = (
    select(
        *(_all.c[name] for name in ("channel", "id", "name")),
        *(_breakers.c[name] for name in ("failures", "open_until", "is_probed")),
        *(latest.c[name] for name in ("accepted_at", "failed_at", "error_code", "error_detail")),
        _credits.c.amount,
        _credits.c.read_at,
    )
    .select_from(_all)
    .outerjoin(_breakers, _of_notifier(_breakers))
    .outerjoin(latest, _of_notifier(latest))
    .outerjoin(_credits, and_(_all.c.channel == Channel.SMS.value, _credits.c.notifier_id == _all.c.id))
    .order_by(_all.c.place, _all.c.id)
)
_figures = (
    select(
        *(minutes.c[name] for name in ("channel", "notifier_id", "counted", "ms")),
        func.sum(minutes.c.count).label("count"),
    )
    .where(minutes.c.minute > bindparam("minute"))
    .group_by(*(minutes.c[name] for name in ("channel", "notifier_id", "counted", "ms")))
)


def read(connection: Connection, at: datetime, only: tuple[str, int] | None = None) -> list[dict[str, Any]]:
    """Return the line of each notifier, as clients see it, in two statements.

    `only` is the channel and id of the one that is asked for, if not all are.
    """
    minute = int((at - HOUR).timestamp() // 60)
    figures, notifiers = _figures, _notifiers
    if only:
        channel, id_ = only
        figures = figures.where(minutes.c.channel == channel, minutes.c.notifier_id == id_)
        notifiers = notifiers.where(_all.c.channel == channel, _all.c.id == id_)
    hour: dict[tuple[str, int], list[Any]] = {}
    for row in connection.execute(figures, {"minute": minute}):
        hour.setdefault((row.channel, row.notifier_id), []).append(row)
    rows = connection.execute(notifiers)
    return [_line(row, hour.get((row.channel, row.id), ()), at) for row in rows]


def line(connection: Connection, channel: str, id: int) -> dict[str, Any] | None:
    """Return the line of a notifier as it is now; None if it is gone."""
    at: datetime = connection.scalar(select(DatabaseNow()))  # type: ignore[assignment]
    return next(iter(read(connection, at, (channel, id))), None)


def _line(row: Any, hour: Iterable[Any], at: datetime) -> dict[str, Any]:
    counts: Counter[str] = Counter()
    durations: Counter[int] = Counter()
    for figure in hour:
        counts[figure.counted] += int(figure.count)
        if figure.ms:
            durations[figure.ms] += int(figure.count)
    state = _state(row, at)
    return {
        "channel": row.channel,
        "id": row.id,
        "name": row.name,
        "state": state,
        "resting_until": row.open_until if state == "resting" else None,
        "failures_in_a_row": row.failures or 0,
        "last_accepted_at": row.accepted_at,
        "last_error": row.failed_at
        and {"code": row.error_code, "detail": row.error_detail, "at": row.failed_at},
        "accepted_1h": counts[Counted.ACCEPTED],
        "failed_1h": counts[Counted.FAILED],
        "delivered_1h": counts[Counted.DELIVERED],
        "latency_ms_p50": percentile(durations, 50),
        "latency_ms_p95": percentile(durations, 95),
        "credit": row.amount,
        "credit_at": row.read_at,
    }


def _state(row: Any, at: datetime) -> str:
    if row.open_until is None:
        return "working"
    return "probing" if row.is_probed or row.open_until <= at else "resting"


def percentile(counts: Mapping[int, int], percent: int) -> int | None:
    """Return the least of some values, given with their counts, that so many percent of all do not exceed."""
    wanted = -(-sum(counts.values()) * percent // 100)
    reached = 0
    for value in sorted(counts):
        reached += counts[value]
        if reached >= wanted:
            return value
    return None
