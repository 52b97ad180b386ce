"""The events of messages."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, select

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

_CHANGED: Select[Any] = (
    select(*COLUMNS, _messages.otp_id).where(_messages.status.in_(PUBLISHED)).order_by(_messages.id)
)


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

    `row` begins with serializers.COLUMNS; `otp_id` is the one-time password that it carries, if any.
    """

    row: Sequence[Any]
    otp_id: int | None


def publish_changes(connection: Connection, ids: Sequence[int]) -> None:
    """Publish what has become of messages, which the transaction of the connection has changed."""
    if ids:
        for row in connection.execute(_CHANGED.where(_messages.id.in_(ids))).all():
            publish(connection, MessageChanged(row, row.otp_id))
