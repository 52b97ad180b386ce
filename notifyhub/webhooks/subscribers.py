"""What webhooks are sent: each event of the packages below is recorded for those that ask for it.

A new event needs its class in RECORDED, with its name and what is shown of it. Nothing is read that no
webhook asks for.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, select

from notifyhub.database.base import table_of
from notifyhub.database.connections import after_commit
from notifyhub.health.events import (
    NotifierCreditLow,
    NotifierRecovered,
    NotifierResting,
    RoleMissing,
    RoleRecovered,
)
from notifyhub.jobs.models import Role
from notifyhub.messages.events import MessageChanged
from notifyhub.messages.models import Message, MessageStatus
from notifyhub.messages.serializers import COLUMNS, message
from notifyhub.otp.events import OTPVerified
from notifyhub.otp.serializers import read_otp
from notifyhub.patterns.events import PatternStatusChanged
from notifyhub.webhooks.attempts import enqueue
from notifyhub.webhooks.events import WebhookDisabled
from notifyhub.webhooks.models import Event
from notifyhub.webhooks.recorder import record

_columns = table_of(Message).c

MESSAGE_EVENTS = {
    MessageStatus.SENT: Event.MESSAGE_SENT,
    MessageStatus.DELIVERED: Event.MESSAGE_DELIVERED,
    MessageStatus.UNDELIVERED: Event.MESSAGE_UNDELIVERED,
    MessageStatus.FAILED: Event.MESSAGE_FAILED,
    MessageStatus.EXPIRED: Event.MESSAGE_FAILED,
}
"""The events of messages, by the status that they have reached."""

WITHHELD = {"subject", "text", "args"}
"""What a message has and its events don't."""


ROLE_ID = 0
"""The `id` of the workers together, and of the schedulers: their events are in order by it."""


class Recorded(NamedTuple):
    """How events of a class are recorded.

    `name` gives what webhooks call an event, `show` the data of several, in their order; the `id` in it is
    the object's.
    """

    name: Callable[[Any], Event]
    show: Callable[[Connection, Sequence[Any]], Iterable[Mapping[str, Any]]]


def _messages(connection: Connection, events: Sequence[MessageChanged]) -> Iterator[Mapping[str, Any]]:
    rows = connection.execute(select(*COLUMNS).where(_columns.id.in_([event.id for event in events])))
    shown = {row.id: message(row) for row in rows}
    for event in events:
        yield {name: value for name, value in shown[event.id].items() if name not in WITHHELD}


def _codes(connection: Connection, events: Sequence[OTPVerified]) -> Iterator[Mapping[str, Any]]:
    for event in events:
        yield _marked(read_otp(connection, event.id, test=event.test), test=event.test)


def _marked(row: Mapping[str, Any], *, test: bool) -> Mapping[str, Any]:
    """Return an object's row; where a test token is behind the event, marked so."""
    return {**row, "test": True} if test else row


def of_object(name: Event) -> Recorded:
    """Return how events are recorded that have their object's `row`, and `test` for a test token's."""
    return Recorded(
        lambda _event: name,
        lambda _connection, events: (_marked(event.row, test=event.test) for event in events),
    )


def _of_notifier(name: Event) -> Recorded:
    """Return how events are recorded that have their notifier's line of the health's report."""
    return Recorded(
        lambda _event: name,
        lambda _connection, events: ({"id": event.line["id"], **event.line} for event in events),
    )


def _of_role(names: Mapping[Role, Event]) -> Recorded:
    """Return how events are recorded of the workers together, or of the schedulers."""
    return Recorded(
        lambda event: names[event.role],
        lambda _connection, events: (
            {"id": ROLE_ID, "missing_since": event.since, "detail": f"{event.words}."} for event in events
        ),
    )


RECORDED: dict[type[Any], Recorded] = {
    MessageChanged: Recorded(lambda event: MESSAGE_EVENTS[event.status], _messages),
    PatternStatusChanged: of_object(Event.PATTERN_STATUS_CHANGED),
    OTPVerified: Recorded(lambda _event: Event.OTP_VERIFIED, _codes),
    NotifierResting: _of_notifier(Event.NOTIFIER_RESTING),
    NotifierRecovered: _of_notifier(Event.NOTIFIER_RECOVERED),
    NotifierCreditLow: _of_notifier(Event.NOTIFIER_CREDIT_LOW),
    WebhookDisabled: Recorded(
        lambda _event: Event.WEBHOOK_DISABLED, lambda _connection, events: (event.row for event in events)
    ),
    RoleMissing: _of_role({Role.WORKER: Event.WORKER_MISSING, Role.SCHEDULER: Event.SCHEDULER_MISSING}),
    RoleRecovered: _of_role({Role.WORKER: Event.WORKER_RECOVERED, Role.SCHEDULER: Event.SCHEDULER_RECOVERED}),
}


def record_events(connection: Connection, events: Sequence[object]) -> None:
    """Record events of one class of RECORDED for the webhooks that ask for them.

    What becomes of the service's own mails is nothing for the products that ask for messages.
    """
    told = [event for event in events if not (isinstance(event, MessageChanged) and event.is_alert)]
    if told and (ids := record(connection, told, *RECORDED[type(told[0])])):
        after_commit(lambda: enqueue(ids))
