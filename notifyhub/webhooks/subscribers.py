"""What webhooks are told of: the signals of the packages below become events."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from flask import g, has_request_context
from sqlalchemy import Connection, event

from notifyhub.extensions import db
from notifyhub.messages.models import MessageStatus
from notifyhub.messages.serializers import message
from notifyhub.messages.signals import changed
from notifyhub.otp.signals import verified
from notifyhub.patterns.signals import status_changed
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


def init_app(_app: object) -> None:
    """Have what happens recorded."""
    changed.connect(_on_message)
    status_changed.connect(_on_pattern)
    verified.connect(_on_otp)


def _on_message(
    _sender: Any, connection: Connection, row: Sequence[Any], **_: Any
) -> Callable[[], object] | None:
    shown = message(row)
    data = {name: value for name, value in shown.items() if name not in _UNTOLD}
    ids = record(connection, EVENTS[shown["status"]], shown["id"], data)
    return partial(wake, ids) if ids else None


def _on_pattern(_sender: Any, connection: Connection, row: Mapping[str, Any]) -> None:
    """Record the event; workers are woken after the session's commit, which the signal does not offer."""
    test = has_request_context() and g.caller.test
    if ids := record(connection, Event.PATTERN_STATUS_CHANGED, row["id"], _marked(row, test=test)):
        event.listen(db.session(), "after_commit", lambda _session: wake(ids), once=True)


def _on_otp(
    _sender: Any, connection: Connection, row: Mapping[str, Any], *, test: bool
) -> Callable[[], object] | None:
    ids = record(connection, Event.OTP_VERIFIED, row["id"], _marked(row, test=test))
    return partial(wake, ids) if ids else None


def _marked(row: Mapping[str, Any], *, test: bool) -> Mapping[str, Any]:
    """Return an object as it is told of: where a test token is behind it, marked so."""
    return {**row, "test": True} if test else row
