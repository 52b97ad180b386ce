"""Alerts: what operators have to know is mailed to `alert_email`, by the default email notifier.

Nothing is mailed about that notifier itself: the mail would go through what it is about.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, select

from notifyhub.database.base import now, table_of
from notifyhub.delivery.figures import Notifier
from notifyhub.events import publish
from notifyhub.health.events import (
    NotifierCreditLow,
    NotifierRecovered,
    NotifierResting,
    RoleMissing,
    RoleRecovered,
)
from notifyhub.health.problems import named, resting
from notifyhub.messages.composition import compose
from notifyhub.messages.events import MessagesDue
from notifyhub.messages.models import Channel
from notifyhub.messages.references import resolve
from notifyhub.messages.storage import store
from notifyhub.settings.models import DeliverySettings, NotificationSettings

_settings = select(
    select(table_of(DeliverySettings).c.alert_email).scalar_subquery().label("to"),
    select(table_of(NotificationSettings).c.email_notifier_id).scalar_subquery().label("notifier_id"),
)

NotifierEvent = NotifierResting | NotifierRecovered | NotifierCreditLow


def on_notifier_event(connection: Connection, events: Sequence[NotifierEvent]) -> None:
    """Mail what has become of notifiers."""
    for event in events:
        notifier = Notifier(event.line["channel"], event.line["id"])
        mail(connection, *_words(event), about=notifier)


def on_role_event(connection: Connection, events: Sequence[RoleMissing | RoleRecovered]) -> None:
    """Mail that no worker or scheduler lives, or one does again.

    Without a worker both mails wait for one, as all messages do.
    """
    for event in events:
        is_missing = isinstance(event, RoleMissing)
        subject = f"no {event.role} is running" if is_missing else f"a {event.role} is running again"
        mail(connection, subject, f"{event.words}.")


def mail(connection: Connection, subject: str, text: str, about: Notifier | None = None) -> None:
    """Store a mail to the operators, to be sent, in a transaction; nothing where there is no way for it."""
    settings = connection.execute(_settings).one()
    if settings.to is None or settings.notifier_id is None:
        return
    if about == Notifier(Channel.EMAIL, settings.notifier_id):
        return
    moment = now()
    request: dict[str, Any] = {
        "channel": Channel.EMAIL,
        "to": settings.to,
        "subject": f"NotifyHub: {subject}",
        "text": text,
    }
    composed = compose(request, resolve(connection, [request]), moment)
    message_id, _ = store(connection, composed, moment, test=False, alert=True)
    publish(connection, MessagesDue([message_id]))


def _words(event: NotifierEvent) -> tuple[str, str]:
    """Return a subject, in which no name is that somebody has given, and a text."""
    line = event.line
    notifier = f"{line['channel']} notifier {line['id']}"
    if isinstance(event, NotifierResting):
        return f"{notifier} rests", resting(line)
    if isinstance(event, NotifierRecovered):
        return f"{notifier} has recovered", f"{named(line)} has recovered: it takes messages again."
    words = f"The credit of {named(line)} is {line['credit']}, below {event.credit_low}."
    return f"the credit of {notifier} is low", words
