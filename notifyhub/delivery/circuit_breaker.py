"""The circuit breakers: a notifier that keeps failing rests, then one message probes it.

They stand in the database, so that all workers know of them.
"""

from datetime import datetime, timedelta
from typing import NamedTuple

from flask import current_app
from sqlalchemy import Connection, and_, bindparam, case, or_, select, update

from notifyhub.database.base import now, table_of
from notifyhub.database.connections import autocommit
from notifyhub.database.upsert import upsert
from notifyhub.delivery.models import CircuitBreaker

_b = table_of(CircuitBreaker)
_one = and_(_b.c.channel == bindparam("of_channel"), _b.c.notifier_id == bindparam("of_notifier"))

close = (
    update(_b)
    .where(_one, or_(_b.c.failures > 0, _b.c.rests_until.is_not(None)))
    .values(failures=0, rests_until=None)
)
"""Forgets the failures of a notifier that has answered properly; takes `of_channel` and `of_notifier`."""

_probe = (
    update(_b)
    .where(_one, _b.c.rests_until <= bindparam("at"))
    .values(rests_until=bindparam("until"))
    .returning(_b.c.notifier_id)
)
_rest = select(_b.c.rests_until).where(_one)


class Admission(NamedTuple):
    """Until when a notifier rests, None if the caller may try it, and whether that is to probe it."""

    rests_until: datetime | None = None
    is_probe: bool = False


class Opening(NamedTuple):
    """A rest that has just begun."""

    until: datetime
    failures: int


def try_acquire(channel: str, id: int) -> Admission:
    """Tell whether the caller may try a notifier.

    When a rest is over that is one caller's alone, who probes the notifier. Until the outcome is known, at
    most for another rest, all others wait.
    """
    values = {"of_channel": channel, "of_notifier": id}
    connection = autocommit()
    until: datetime | None = connection.scalar(_rest, values)
    if until is None or until > now():
        return Admission(until)
    at = now()
    end = at + timedelta(seconds=current_app.config["BREAKER_REST"])
    if connection.execute(_probe, {**values, "at": at, "until": end}).first():
        return Admission(is_probe=True)
    return Admission(connection.scalar(_rest, values))


def record_failure(connection: Connection, channel: str, id: int) -> Opening | None:
    """Count a failure of the notifier; with the configured number of them in a row it rests.

    Returns the rest that this failure has begun; None if there is none, or if it had begun before.
    """
    moment = now()
    until = moment + timedelta(seconds=current_app.config["BREAKER_REST"])
    most = current_app.config["BREAKER_FAILURES"]
    awake = or_(_b.c.rests_until.is_(None), _b.c.rests_until <= moment)
    statement = upsert(
        connection,
        _b,
        {
            "channel": channel,
            "notifier_id": id,
            "failures": 1,
            "rests_until": until if most == 1 else None,
        },
        key=["channel", "notifier_id"],
        changes={
            "failures": _b.c.failures + 1,
            "rests_until": case((and_(_b.c.failures + 1 >= most, awake), until), else_=_b.c.rests_until),
        },
    )
    counted = connection.execute(statement.returning(_b.c.rests_until, _b.c.failures)).one()
    return Opening(until, counted.failures) if counted.rests_until == until else None
