"""The circuit breaker of each notifier, which opens when it keeps failing.

    closed: its messages are sent; `failures` counts those in a row
      │ BREAKER_FAILURES of them                           ▲ the notifier answers properly
      ▼                                                    │
    open until `open_until`: its messages wait, or go by a backup
      │ that moment is past                                │
      ▼                                                    │
    probed: one message is sent; the others wait for BREAKER_REST seconds more, or until its outcome is known

They stand in the database, so that all workers know of them; a notifier without a row has a closed one.
"""

from datetime import datetime, timedelta
from typing import Any, NamedTuple

from flask import current_app
from sqlalchemy import Connection, and_, bindparam, case, false, or_, select, tuple_, update

from notifyhub.database.base import now, table_of
from notifyhub.database.connections import autocommit
from notifyhub.database.upsert import upsert
from notifyhub.delivery.models import CircuitBreaker
from notifyhub.jobs import leases

breakers = table_of(CircuitBreaker)
_of_notifier = and_(
    breakers.c.channel == bindparam("breaker_channel"),
    breakers.c.notifier_id == bindparam("breaker_notifier_id"),
)

_unwell = breakers.alias("unwell")
# Locked in one order: so two transactions that close several never wait for each other.
_to_close = (
    select(_unwell.c.channel, _unwell.c.notifier_id)
    .where(
        _unwell.c.channel == bindparam("breaker_channel"),
        _unwell.c.notifier_id == bindparam("breaker_notifier_id"),
        or_(_unwell.c.failures > 0, _unwell.c.open_until.is_not(None)),
    )
    .order_by(_unwell.c.channel, _unwell.c.notifier_id)
    .with_for_update(of=_unwell)
)
close = (
    update(breakers)
    .where(tuple_(breakers.c.channel, breakers.c.notifier_id).in_(_to_close))
    .values(failures=0, open_until=None, is_probed=False)
)
"""Closes the breaker of a notifier that has answered properly; takes `named`."""

_probe = (
    update(breakers)
    .where(_of_notifier, breakers.c.open_until <= leases.NOW)
    .values(open_until=leases.UNTIL, is_probed=True)
    .returning(breakers.c.notifier_id)
)
_open_until = select(breakers.c.open_until).where(_of_notifier)


class Admission(NamedTuple):
    """Until when a breaker is open, None if the caller may try the notifier, and whether that is a probe."""

    open_until: datetime | None = None
    is_probe: bool = False


class Opening(NamedTuple):
    """A breaker that has just opened: until when, and after how many failures in a row."""

    until: datetime
    failures: int


def named(channel: str, notifier_id: int) -> dict[str, Any]:
    """Return the values that name a notifier's breaker in a statement."""
    return {"breaker_channel": channel, "breaker_notifier_id": notifier_id}


def try_acquire(channel: str, notifier_id: int) -> Admission:
    """Return whether the caller may try a notifier.

    When its breaker has been open for long enough, one caller may, who probes the notifier. Until the outcome
    is known, at most for another rest, all others wait.
    """
    breaker = named(channel, notifier_id)
    connection = autocommit()
    open_until: datetime | None = connection.scalar(_open_until, breaker)
    at = now()
    if open_until is None or open_until > at:
        return Admission(open_until)
    until = at + timedelta(seconds=current_app.config["BREAKER_REST"])
    if connection.execute(_probe, {**breaker, "now": at, "until": until}).first():
        return Admission(is_probe=True)
    return Admission(connection.scalar(_open_until, breaker))


def record_failure(connection: Connection, channel: str, notifier_id: int) -> Opening | None:
    """Count a failure of a notifier; the configured number of them in a row opens its breaker.

    Returns the opening if this failure has caused it.
    """
    at = now()
    until = at + timedelta(seconds=current_app.config["BREAKER_REST"])
    limit = current_app.config["BREAKER_FAILURES"]
    failures, open_until = breakers.c.failures + 1, breakers.c.open_until
    opens = and_(failures >= limit, or_(open_until.is_(None), open_until <= at))
    statement = upsert(
        connection,
        breakers,
        {
            "channel": channel,
            "notifier_id": notifier_id,
            "failures": 1,
            "open_until": until if limit == 1 else None,
        },
        key=["channel", "notifier_id"],
        changes={
            "failures": failures,
            "open_until": case((opens, until), else_=open_until),
            "is_probed": false(),
        },
    )
    counted = connection.execute(statement.returning(breakers.c.open_until, breakers.c.failures)).one()
    return Opening(until, counted.failures) if counted.open_until == until else None
