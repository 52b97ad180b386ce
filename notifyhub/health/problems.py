"""What is wrong, in words for a human, and how bad that is."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from notifyhub.health.queue_depths import QueueDepth
from notifyhub.jobs import queues
from notifyhub.jobs.heartbeats import MISSING_AFTER

OVERDUE = timedelta(seconds=60)
"""So long a message may wait for its turn."""

_CHANNELS = {"sms": "SMS", "email": "email"}


class Finding(NamedTuple):
    """Something that is wrong; with what `is_down` nothing is sent."""

    words: str
    is_down: bool = False


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
        found.append(Finding(f"{missing('worker', worker_seen)}: nothing is sent.", is_down=True))
    if is_missing(at, scheduler_seen):
        words = missing("scheduler", scheduler_seen)
        found.append(
            Finding(f"{words}: what is to be sent later, or again, waits. Start a worker with --beat.")
        )
    oldest = min(filter(None, (depths[name].since for name in (queues.MESSAGES, queues.CODES))), default=at)
    if at - oldest > OVERDUE:
        seconds = int((at - oldest).total_seconds())
        found.append(
            Finding(f"The oldest due message has waited for {seconds} seconds, since {told(oldest)}.")
        )
    return [*found, *(Finding(resting(line)) for line in notifiers if line["state"] == "resting")]


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
