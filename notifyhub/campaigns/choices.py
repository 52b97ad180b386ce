"""What a campaign can be sent by: approved patterns, and accounts, with their names."""

from typing import Any, NamedTuple

from sqlalchemy import Connection, select

from notifyhub.database.base import table_of
from notifyhub.health.models import NotifierCredit
from notifyhub.messages.models import Channel
from notifyhub.notifiers.models import EmailNotifier, SMSNotifier
from notifyhub.patterns.models import EmailPattern, PatternStatus, SMSPattern

_notifiers = {Channel.SMS: table_of(SMSNotifier), Channel.EMAIL: table_of(EmailNotifier)}
_patterns = {Channel.SMS: table_of(SMSPattern), Channel.EMAIL: table_of(EmailPattern)}
_credits = table_of(NotifierCredit)

MOST = 500
"""Of each kind that are offered."""


class Choice(NamedTuple):
    """A pattern with its notifier's name, or a notifier."""

    channel: str
    id: int
    name: str
    notifier: str


def patterns(connection: Connection) -> list[Choice]:
    """Return the patterns that messages can be sent by, those of SMS first."""
    found = []
    for channel, table in _patterns.items():
        notifiers = _notifiers[channel]
        named = select(table.c.id, table.c.name, notifiers.c.name.label("notifier")).join_from(
            table, notifiers
        )
        if channel is Channel.SMS:
            named = named.where(table.c.status == PatternStatus.APPROVED)
        rows = connection.execute(named.order_by(notifiers.c.name, table.c.name).limit(MOST))
        found += [Choice(channel, row.id, row.name, row.notifier) for row in rows]
    return found


def notifiers(connection: Connection) -> list[Choice]:
    """Return the notifiers, those of SMS first."""
    return [
        Choice(channel, row.id, row.name, row.name)
        for channel, table in _notifiers.items()
        for row in connection.execute(select(table.c.id, table.c.name).order_by(table.c.name).limit(MOST))
    ]


def credit(connection: Connection, notifier_id: int) -> Any:
    """Return what is known of an SMS notifier's credit, `amount` and `read_at`; None if nothing is."""
    known = select(_credits.c.amount, _credits.c.read_at).where(
        _credits.c.notifier_id == notifier_id, _credits.c.amount.is_not(None)
    )
    return connection.execute(known).first()
