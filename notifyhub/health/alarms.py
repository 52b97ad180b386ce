"""Alarms: troubles that last. Of all processes that notice one, or its end, one publishes it."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection, delete, select

from notifyhub.database.base import table_of
from notifyhub.database.upsert import insert_if_absent
from notifyhub.health.models import Alarm

_alarms = table_of(Alarm)


def begin(connection: Connection, name: str, since: datetime) -> bool:
    """Write that a trouble has begun; False if that is known."""
    alarm = {"name": name, "since": since}
    statement = insert_if_absent(connection, _alarms, alarm, key=["name"])
    return connection.execute(statement.returning(_alarms.c.name)).first() is not None


def end(connection: Connection, name: str) -> datetime | None:
    """Write that a trouble is over; return since when it was, None if there is none."""
    ended = delete(_alarms).where(_alarms.c.name == name).returning(_alarms.c.since)
    return connection.execute(ended).scalar()


def names(connection: Connection, prefix: str) -> set[str]:
    """Return the names of the troubles that begin so."""
    return set(connection.scalars(select(_alarms.c.name).where(_alarms.c.name.startswith(prefix))))


def forget(connection: Connection, names: Iterable[str]) -> None:
    """Delete what is of nothing that is there any more."""
    connection.execute(delete(_alarms).where(_alarms.c.name.in_(sorted(names))))
