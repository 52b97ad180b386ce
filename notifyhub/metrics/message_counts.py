"""Counts of messages: a subscriber of what becomes of them."""

from collections.abc import Sequence

from sqlalchemy import Connection

from notifyhub import instruments
from notifyhub.database.base import now
from notifyhub.database.connections import after_commit
from notifyhub.messages.events import MessageChanged
from notifyhub.messages.models import MessageStatus


def on_changed(_connection: Connection, changes: Sequence[MessageChanged]) -> None:
    """Count messages, and the time that they took, once that is committed; not those of test tokens."""
    counted = [change for change in changes if not change.is_test]
    if counted:
        after_commit(lambda: _count(counted))


def _count(changes: Sequence[MessageChanged]) -> None:
    at = now()
    for change in changes:
        instruments.count_message(change.channel, change.notifier_id, change.status)
        seconds = max((at - change.due_since).total_seconds(), 0.0)
        if change.status == MessageStatus.SENT:
            instruments.observe_sent(change.channel, seconds)
        elif change.status == MessageStatus.DELIVERED:
            instruments.observe_delivered(change.channel, seconds)
