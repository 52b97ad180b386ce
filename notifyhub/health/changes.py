"""What has changed in the health of notifiers: that one rests, or has recovered, is published once.

It is found by comparing their circuit breakers with what has been told, so that it costs the delivery
nothing, and is told whatever has opened or closed the breaker.
"""

from sqlalchemy import select

from notifyhub.database.base import now
from notifyhub.database.connections import autocommit, transaction
from notifyhub.delivery.circuit_breaker import breakers
from notifyhub.delivery.figures import Notifier
from notifyhub.events import publish
from notifyhub.health import alarms, notifiers
from notifyhub.health.events import NotifierRecovered, NotifierResting

_RESTING = "resting:"
_open = select(breakers.c.channel, breakers.c.notifier_id).where(breakers.c.open_until.is_not(None))


def tell() -> None:
    """Publish which notifiers rest, and which have recovered, since this was last told."""
    connection = autocommit()
    resting = {_name(Notifier(*row)): Notifier(*row) for row in connection.execute(_open)}
    told = alarms.names(connection, _RESTING)
    for name in sorted(resting.keys() - told):
        _begin(name, resting[name])
    for name in sorted(told - resting.keys()):
        _end(name)


def _begin(name: str, notifier: Notifier) -> None:
    with transaction() as connection:
        if alarms.begin(connection, name, now()) and (line := notifiers.line(connection, *notifier)):
            publish(connection, NotifierResting(line))


def _end(name: str) -> None:
    _, channel, id_ = name.split(":")
    with transaction() as connection:
        if alarms.end(connection, name) and (line := notifiers.line(connection, channel, int(id_))):
            publish(connection, NotifierRecovered(line))


def _name(notifier: Notifier) -> str:
    return f"{_RESTING}{notifier.channel}:{notifier.id}"
