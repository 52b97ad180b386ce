"""Retention: workers that died, and credits of notifiers that are gone, are forgotten."""

from datetime import datetime, timedelta

from sqlalchemy import delete, select

from notifyhub.database.base import table_of
from notifyhub.database.clock import DatabaseNow
from notifyhub.database.connections import autocommit
from notifyhub.health import alarms, credit
from notifyhub.health.models import NotifierCredit
from notifyhub.jobs.models import Worker
from notifyhub.notifiers.models import SMSNotifier

REMEMBERED = timedelta(days=1)
"""For so long it is told since when a worker is missing."""

_workers, _credits = table_of(Worker), table_of(NotifierCredit)


def forget() -> None:
    """Delete what is too old, and what belongs to nothing any more."""
    connection = autocommit()
    at: datetime = connection.scalar(select(DatabaseNow()))  # type: ignore[assignment]
    connection.execute(delete(_workers).where(_workers.c.last_seen_at < at - REMEMBERED))
    connection.execute(
        delete(_credits).where(_credits.c.notifier_id.not_in(select(table_of(SMSNotifier).c.id)))
    )
    unread = alarms.names(connection, credit.UNREAD)
    if unread:
        there = {f"{credit.UNREAD}{id_}" for id_ in connection.scalars(select(table_of(SMSNotifier).c.id))}
        alarms.forget(connection, unread - there)
