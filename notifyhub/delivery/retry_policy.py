"""The rules of a round: when it goes on to the next notifier, what its end means for the message."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from notifyhub.messages.models import MessageStatus
from notifyhub.providers.base import Accepted
from notifyhub.providers.errors import (
    BATCH_REFUSED,
    Failure,
    NotServedHere,
    Refused,
    Temporary,
    Uncertain,
)

JITTER = 0.1
WAIT_SPREAD = 1 / 3
"""The part of a rest over which the messages that waited for its end are spread."""

Result = Accepted | Failure
"""How an attempt ended."""


@dataclass(frozen=True)
class Policy:
    """How hard a message is tried: rounds, seconds between them (the last one repeats), doubtful ones too?"""

    max_attempts: int
    retry_delays: Sequence[int]
    resend_uncertain: bool
    rest: float
    """Seconds for which a failing notifier rests."""


@dataclass(frozen=True)
class RestingNotifier:
    """A notifier that was not tried because it rests, and until when."""

    notifier: str
    until: datetime


@dataclass(frozen=True)
class RoundDecision:
    """What a round's end makes of its message.

    `rounds` is the number of finished ones, `error` what the message shows (of a sent one: why copies were
    not taken), `next_attempt_at` when the next round may begin, None if there is none.
    """

    status: MessageStatus
    rounds: int
    error: Failure | None = None
    next_attempt_at: datetime | None = None


def goes_on(result: Result) -> bool:
    """Return whether a backup is tried after this attempt, in the same round."""
    return isinstance(result, Temporary | NotServedHere)


def decide(
    failures: Sequence[Failure], rests: Sequence[RestingNotifier], rounds: int, policy: Policy, now: datetime
) -> RoundDecision:
    """Return what a round comes to in which no notifier took the message.

    `failures` are its attempts' in their order, `rests` the notifiers that were not tried because they
    rest; `rounds` counts those finished before. One that ends with the refusal of a call that others shared
    does not count: it says nothing of this message, which goes alone from then on.
    """
    if not failures:
        if rests:  # does not count; those who wait do not all come back in the same moment
            wait = timedelta(seconds=policy.rest * WAIT_SPREAD * random.random())  # noqa: S311 - no secret
            return RoundDecision(
                MessageStatus.SENDING, rounds, _resting(rests), min(rest.until for rest in rests) + wait
            )
        gone = NotServedHere("no_notifier", "Its notifier was deleted, and no backup can take its place.")
        return RoundDecision(MessageStatus.FAILED, rounds, gone)
    last = failures[-1]
    if isinstance(last, Uncertain) and not policy.resend_uncertain:
        return RoundDecision(MessageStatus.FAILED, rounds + 1, Uncertain("uncertain", str(last)))
    if isinstance(last, Refused) or (not rests and all(isinstance(one, NotServedHere) for one in failures)):
        return RoundDecision(MessageStatus.FAILED, rounds + 1, last)
    finished = rounds if last.code == BATCH_REFUSED else rounds + 1
    return _retry(last, finished, policy, now)


def in_time(end: RoundDecision, expires_at: datetime) -> RoundDecision:
    """Return how a round ends for a one-time password: for good, if the next would begin after its life.

    Then there still is time for another way to the recipient.
    """
    if end.next_attempt_at is None or end.next_attempt_at < expires_at:
        return end
    return RoundDecision(MessageStatus.FAILED, end.rounds, end.error)


def _resting(rests: Sequence[RestingNotifier]) -> Failure:
    words = [
        f"The notifier {rest.notifier} rests until {rest.until:%Y-%m-%dT%H:%M:%S.%fZ}." for rest in rests
    ]
    return Temporary("notifier_resting", " ".join(words))


def _retry(last: Failure, finished: int, policy: Policy, now: datetime) -> RoundDecision:
    if finished >= policy.max_attempts:
        return RoundDecision(MessageStatus.FAILED, finished, last)
    delay = policy.retry_delays[min(max(finished, 1), len(policy.retry_delays)) - 1]
    jitter = 1 + JITTER * random.random()  # noqa: S311 - no secret
    return RoundDecision(MessageStatus.SENDING, finished, last, now + timedelta(seconds=delay * jitter))
