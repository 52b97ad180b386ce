"""How far the messages of a batch, or of several, have come."""

from collections.abc import Mapping
from typing import NamedTuple

from notifyhub.console.statuses import MESSAGES, Worded
from notifyhub.messages.models import MessageStatus

WAITING = (MessageStatus.SCHEDULED, MessageStatus.QUEUED, MessageStatus.SENDING)
UNSUCCESSFUL = (MessageStatus.FAILED, MessageStatus.UNDELIVERED, MessageStatus.EXPIRED)


class Progress(NamedTuple):
    """How far messages have come: `done` of `total` are over, `waiting` are not, `failed` can be retried.

    `accepted` are those that are stored, which may be fewer than there will be. `statuses` are their numbers
    by status, with words.
    """

    total: int
    accepted: int
    done: int
    waiting: int
    failed: int
    statuses: list[tuple[Worded, int]]


def progress_of(statuses: Mapping[str, int], total: int) -> Progress:
    """Return how far messages have come, by their numbers in each status, in its order, and in all."""
    waiting = sum(statuses.get(status, 0) for status in WAITING)
    accepted = sum(statuses.values())
    return Progress(
        total,
        accepted,
        accepted - waiting,
        waiting,
        sum(statuses.get(status, 0) for status in UNSUCCESSFUL),
        [(MESSAGES[MessageStatus(status)], number) for status, number in statuses.items()],
    )
