"""The events of messages."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from notifyhub.database.base import table_of
from notifyhub.events import publish
from notifyhub.messages.models import Message, MessageStatus
from notifyhub.messages.serializers import COLUMNS

_messages = table_of(Message).c

PUBLISHED = (
    MessageStatus.SENT,
    MessageStatus.DELIVERED,
    MessageStatus.UNDELIVERED,
    MessageStatus.FAILED,
    MessageStatus.EXPIRED,
)
"""The statuses that are published when a message reaches them."""

CHANGED = (*COLUMNS, _messages.otp_id)
"""What a statement returns whose changes are published."""


@dataclass(frozen=True)
class MessagesDue:
    """Messages were stored, or are to be tried anew, that may be sent now.

    `urgent` ones carry one-time passwords.
    """

    ids: Sequence[int]
    urgent: bool = False


@dataclass(frozen=True)
class MessageChanged:
    """A message has become sent, delivered, undelivered, failed or expired.

    `row` is as CHANGED; `otp_id` is the one-time password that the message carries, if any.
    """

    row: Any
    otp_id: int | None


def publish_changes(connection: Connection, rows: Iterable[Any]) -> None:
    """Publish those of the changed messages, given by their rows, that have reached a status of PUBLISHED."""
    for row in rows:
        if row.status in PUBLISHED:
            publish(connection, MessageChanged(row, row.otp_id))
