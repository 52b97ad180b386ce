"""What webhooks are sent: each event of the packages below is recorded for those that ask for it.

A new event needs its class in RECORDED, with its name and what is sent of it.
"""

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Connection

from notifyhub.database.connections import after_commit
from notifyhub.messages.events import MessageChanged
from notifyhub.messages.models import MessageStatus
from notifyhub.messages.serializers import message
from notifyhub.otp.events import OTPVerified
from notifyhub.patterns.events import PatternStatusChanged
from notifyhub.webhooks.attempts import enqueue
from notifyhub.webhooks.models import Event
from notifyhub.webhooks.recorder import record

MESSAGE_EVENTS = {
    MessageStatus.SENT: Event.MESSAGE_SENT,
    MessageStatus.DELIVERED: Event.MESSAGE_DELIVERED,
    MessageStatus.UNDELIVERED: Event.MESSAGE_UNDELIVERED,
    MessageStatus.FAILED: Event.MESSAGE_FAILED,
    MessageStatus.EXPIRED: Event.MESSAGE_FAILED,
}
"""The events of messages, by the status that they have reached."""

_WITHHELD = {"subject", "text", "args"}

Payload = tuple[Event, Mapping[str, Any]]
"""An event's name and its data, whose `id` is the object's."""


def _message(event: MessageChanged) -> Payload:
    payload = message(event.row)
    data = {name: value for name, value in payload.items() if name not in _WITHHELD}
    return MESSAGE_EVENTS[payload["status"]], data


def _marked(event: PatternStatusChanged | OTPVerified) -> Mapping[str, Any]:
    """Return an event's row; where a test token is behind it, marked so."""
    return {**event.row, "test": True} if event.test else event.row


RECORDED: dict[type[Any], Callable[[Any], Payload]] = {
    MessageChanged: _message,
    PatternStatusChanged: lambda event: (Event.PATTERN_STATUS_CHANGED, _marked(event)),
    OTPVerified: lambda event: (Event.OTP_VERIFIED, _marked(event)),
}


def record_event(connection: Connection, event: object) -> None:
    """Record an event of RECORDED for the webhooks that ask for it."""
    name, data = RECORDED[type(event)](event)
    if ids := record(connection, name, data["id"], data):
        after_commit(lambda: enqueue(ids))
