"""What has changed in the health of notifiers: that one rests, or has recovered, is published once.

It is found by comparing their circuit breakers with what has been told, so that it costs the delivery
nothing, and is told whatever has opened or closed the breaker.
"""

from sqlalchemy import delete, select

from notifyhub.database.base import now, table_of
from notifyhub.database.connections import autocommit, transaction
from notifyhub.database.upsert import insert_if_absent
from notifyhub.delivery.circuit_breaker import breakers
from notifyhub.delivery.figures import Notifier
from notifyhub.events import publish
from notifyhub.health import notifiers
from notifyhub.health.events import NotifierRecovered, NotifierResting
from notifyhub.health.models import Alarm

_alarms = table_of(Alarm)
_RESTING = "resting:"
_open = select(breakers.c.channel, breakers.c.notifier_id).where(breakers.c.open_until.is_not(None))
_told = select(_alarms.c.name).where(_alarms.c.name.startswith(_RESTING))


def tell() -> None:
    """Publish which notifiers rest, and which have recovered, since this was last told."""
    connection = autocommit()
    resting = {_name(Notifier(*row)): Notifier(*row) for row in connection.execute(_open)}
    told = set(connection.scalars(_told))
    for name in sorted(resting.keys() - told):
        _begin(name, resting[name])
    for name in sorted(told - resting.keys()):
        _end(name)


def _begin(name: str, notifier: Notifier) -> None:
    with transaction() as connection:
        alarm = {"name": name, "since": now()}
        statement = insert_if_absent(connection, _alarms, alarm, key=["name"]).returning(_alarms.c.name)
        if connection.execute(statement).first() and (line := notifiers.line(connection, *notifier)):
            publish(connection, NotifierResting(line))


def _end(name: str) -> None:
    _, channel, id_ = name.split(":")
    with transaction() as connection:
        ended = delete(_alarms).where(_alarms.c.name == name).returning(_alarms.c.name)
        if connection.execute(ended).first() and (line := notifiers.line(connection, channel, int(id_))):
            publish(connection, NotifierRecovered(line))


def _name(notifier: Notifier) -> str:
    return f"{_RESTING}{notifier.channel}:{notifier.id}"
