"""The statuses of messages in words, with the colours of their badges."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from flask_babel import lazy_gettext as _

from notifyhub.messages.models import MessageStatus


class StatusWords(NamedTuple):
    """A status in words, and the kind of its badge."""

    words: Any
    kind: str


STATUSES = {
    MessageStatus.SCHEDULED: StatusWords(_("Scheduled"), "none"),
    MessageStatus.QUEUED: StatusWords(_("Queued"), "busy"),
    MessageStatus.SENDING: StatusWords(_("Sending"), "busy"),
    MessageStatus.SENT: StatusWords(_("Sent"), "ok"),
    MessageStatus.DELIVERED: StatusWords(_("Delivered"), "ok"),
    MessageStatus.UNDELIVERED: StatusWords(_("Undelivered"), "bad"),
    MessageStatus.FAILED: StatusWords(_("Failed"), "bad"),
    MessageStatus.CANCELLED: StatusWords(_("Cancelled"), "none"),
    MessageStatus.EXPIRED: StatusWords(_("Expired"), "warn"),
}
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
    statuses: list[tuple[StatusWords, int]]


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
        [(STATUSES[MessageStatus(status)], number) for status, number in statuses.items()],
    )
