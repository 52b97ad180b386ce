"""The events of messages."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from notifyhub.database.base import table_of
from notifyhub.events import publish
from notifyhub.messages.models import Message, MessageStatus

_messages = table_of(Message).c

PUBLISHED = (
    MessageStatus.SENT,
    MessageStatus.DELIVERED,
    MessageStatus.UNDELIVERED,
    MessageStatus.FAILED,
    MessageStatus.EXPIRED,
)
"""The statuses that are published when a message reaches them."""

CHANGED = tuple(
    _messages[name]
    for name in (
        "id",
        "status",
        "otp_id",
        "channel",
        "notifier_id",
        "is_test",
        "is_alert",
        "created_at",
        "send_at",
    )
)
"""What a statement returns whose changes are published."""


@dataclass(frozen=True)
class MessagesDue:
    """Messages were stored, or are to be tried anew, that may be sent now.

    `urgent` ones carry one-time passwords.
    """

    ids: Sequence[int]
    urgent: bool = False


@dataclass(frozen=True)
class MessagesRetried:
    """A client has had messages sent anew that had ended: they are queued again, as if never sent.

    `created_at` is when each of them was created, by its id.
    """

    created_at: Mapping[int, datetime]


@dataclass(frozen=True)
class MessageChanged:
    """A message has become sent, delivered, undelivered, failed or expired.

    `otp_id` is the one-time password that it carries, if any; `due_since`, when it was accepted or, later
    than that, was to be sent. One that `is_alert` is the service's own mail to its operators. All else of its
    row is for those to read who need it.
    """

    id: int
    status: str
    otp_id: int | None
    channel: str
    notifier_id: int
    is_test: bool
    due_since: datetime
    is_alert: bool = False


def publish_changes(connection: Connection, rows: Iterable[Any]) -> None:
    """Publish those of the changed messages, given by their rows, that have reached a status of PUBLISHED."""
    changes = (
        MessageChanged(
            *(row.id, row.status, row.otp_id),
            *(row.channel, row.notifier_id, row.is_test, row.send_at or row.created_at),
            is_alert=row.is_alert,
        )
        for row in rows
        if row.status in PUBLISHED
    )
    publish(connection, *changes)
