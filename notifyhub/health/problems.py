"""What is wrong, in words for a human, and how bad that is."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

from notifyhub.health.queue_depths import QueueDepth
from notifyhub.jobs import queues
from notifyhub.jobs.heartbeats import MISSING_AFTER

OVERDUE = timedelta(seconds=60)
"""So long a message may wait for its turn."""

_CHANNELS = {"sms": "SMS", "email": "email"}


class Kind(StrEnum):
    """What can be wrong."""

    NO_WORKER = "no_worker"
    NO_SCHEDULER = "no_scheduler"
    OVERDUE = "overdue"
    RESTING = "resting"


class Finding(NamedTuple):
    """Something that is wrong, in words, and what the words are made of.

    `since` is when the missing was last seen, if it ever was, or since when what is overdue waits;
    `notifier` is the line of the one that rests.
    """

    kind: Kind
    words: str
    since: datetime | None = None
    notifier: Mapping[str, Any] | None = None

    @property
    def is_down(self) -> bool:
        """Whether nothing is sent with that."""
        return self.kind is Kind.NO_WORKER


def findings(
    at: datetime,
    worker_seen: datetime | None,
    scheduler_seen: datetime | None,
    depths: Mapping[str, QueueDepth],
    notifiers: Iterable[Mapping[str, Any]],
) -> Sequence[Finding]:
    """Return what is wrong at a moment, the worst first."""
    found = []
    if is_missing(at, worker_seen):
        words = f"{missing('worker', worker_seen)}: nothing is sent."
        found.append(Finding(Kind.NO_WORKER, words, worker_seen))
    if is_missing(at, scheduler_seen):
        words = (
            f"{missing('scheduler', scheduler_seen)}: what is to be sent later, or again, waits. "
            "Start a worker with --beat."
        )
        found.append(Finding(Kind.NO_SCHEDULER, words, scheduler_seen))
    oldest = min(filter(None, (depths[name].since for name in (queues.MESSAGES, queues.CODES))), default=at)
    if at - oldest > OVERDUE:
        seconds = int((at - oldest).total_seconds())
        words = f"The oldest due message has waited for {seconds} seconds, since {told(oldest)}."
        found.append(Finding(Kind.OVERDUE, words, oldest))
    rest = (line for line in notifiers if line["state"] == "resting")
    return [*found, *(Finding(Kind.RESTING, resting(line), notifier=line) for line in rest)]


def is_missing(at: datetime, seen: datetime | None) -> bool:
    """Return whether a worker or scheduler that was last seen then counts as missing."""
    return seen is None or at - seen > MISSING_AFTER


def missing(what: str, seen: datetime | None) -> str:
    """Return that there is no worker, or no scheduler, and since when; as the beginning of a sentence."""
    return f"No {what} is running" if seen is None else f"No {what} has been seen since {told(seen)}"


def told(moment: datetime) -> str:
    """Return a moment as it is told to a human, in UTC."""
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def named(line: Mapping[str, Any]) -> str:
    """Return a notifier, given by its line, as it is told to a human."""
    return f"{_CHANNELS[line['channel']]} notifier {line['id']} ({line['name']})"


def resting(line: Mapping[str, Any]) -> str:
    """Return that a notifier rests, and why."""
    error = line["last_error"]
    last = f", the last time with {error['code']} at {told(error['at'])}" if error else ""
    until = f" until {told(line['resting_until'])}" if line["resting_until"] else ""
    return f"{named(line)} rests{until}: it has failed {line['failures_in_a_row']} times in a row{last}."
