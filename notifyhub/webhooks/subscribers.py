"""What webhooks are told of: the events of the packages below, each recorded for those that ask for it."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from notifyhub.database.connections import after_commit
from notifyhub.messages.events import MessageChanged
from notifyhub.messages.models import MessageStatus
from notifyhub.messages.serializers import message
from notifyhub.otp.events import OTPVerified
from notifyhub.patterns.events import PatternStatusChanged
from notifyhub.webhooks.attempts import wake
from notifyhub.webhooks.models import Event
from notifyhub.webhooks.recorder import record

EVENTS = {
    MessageStatus.SENT: Event.MESSAGE_SENT,
    MessageStatus.DELIVERED: Event.MESSAGE_DELIVERED,
    MessageStatus.UNDELIVERED: Event.MESSAGE_UNDELIVERED,
    MessageStatus.FAILED: Event.MESSAGE_FAILED,
    MessageStatus.EXPIRED: Event.MESSAGE_FAILED,
}
"""The events of messages, by the status that they have reached."""

_UNTOLD = {"subject", "text", "args"}


def on_message(connection: Connection, event: MessageChanged) -> None:
    """Record a message's new status."""
    shown = message(event.row)
    data = {name: value for name, value in shown.items() if name not in _UNTOLD}
    _record(connection, EVENTS[shown["status"]], data)


def on_pattern(connection: Connection, event: PatternStatusChanged) -> None:
    """Record a pattern's new status."""
    _record(connection, Event.PATTERN_STATUS_CHANGED, _marked(event.row, test=event.test))


def on_otp(connection: Connection, event: OTPVerified) -> None:
    """Record a verified one-time password."""
    _record(connection, Event.OTP_VERIFIED, _marked(event.row, test=event.test))


def _record(connection: Connection, event: Event, data: Mapping[str, Any]) -> None:
    if ids := record(connection, event, data["id"], data):
        after_commit(lambda: wake(ids))


def _marked(row: Mapping[str, Any], *, test: bool) -> Mapping[str, Any]:
    """Return an object as it is told of: where a test token is behind it, marked so."""
    return {**row, "test": True} if test else row
