"""Sending: one attempt of one delivery, from the claim to its end."""

import time
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import TypeVar

from flask import current_app

from notifyhub.api.http.json import timestamp
from notifyhub.database.base import now
from notifyhub.database.connections import persist, release
from notifyhub.jobs import queues
from notifyhub.jobs.queues import Job
from notifyhub.text.hosts import AllowedHosts
from notifyhub.webhooks import claims, outcomes, signatures
from notifyhub.webhooks.claims import ClaimedDelivery
from notifyhub.webhooks.client import Answer, post
from notifyhub.webhooks.models import DeliveryStatus
from notifyhub.webhooks.retry_policy import ATTEMPTS, AttemptDecision, decide
from notifyhub.webhooks.slots import slot

T = TypeVar("T")

DELIVER = "notifyhub.deliver_webhook"

CLAIM_SECONDS = 5.0
"""How long a claim is tried while the database can't be reached; the sweep brings the delivery back."""

INACTIVE = "The webhook is not active."
WORKER_LOST = "The worker stopped before the outcome was known."


def wake(ids: Iterable[int]) -> bool:
    """Wake workers for deliveries; False if the broker does not take part, and the sweep has to."""
    calls = [Job(DELIVER, [one]) for one in ids]
    return not calls or queues.publisher().publish(calls, queues.WEBHOOKS)


def deliver(delivery_id: int) -> None:
    """Claim a delivery and attempt it; nothing is done if it is not its turn or somebody has it.

    While the receiver is talked to, no connection to the database is held.
    """
    claim = persist(lambda: claims.claim(delivery_id), CLAIM_SECONDS)
    if claim is None:
        return
    if not claim.is_active:
        _end(claim, lambda: outcomes.give_up(claim, INACTIVE))
    elif claim.attempts > ATTEMPTS:
        current_app.logger.warning(
            "Webhook %s: delivery %s is given up: %s", claim.webhook_id, claim.id, WORKER_LOST
        )
        _end(claim, lambda: outcomes.give_up(claim, WORKER_LOST))
    else:
        with slot(claim.webhook_id, failing=claim.failing_since is not None) as free:
            if free:
                _attempt(claim)
            else:
                _persist(lambda: outcomes.put_back(claim))


def body(claim: ClaimedDelivery) -> str:
    """Return what is sent and signed: the same at every attempt."""
    head = f'{{"type":"{claim.event}","timestamp":"{timestamp(claim.happened_at)}"'
    return f'{head},"sequence":{claim.sequence},"data":{claim.data}}}'


def _attempt(claim: ClaimedDelivery) -> None:
    started = time.monotonic()
    answer, end = _decided(claim)
    ms = round((time.monotonic() - started) * 1000)
    disabled = _persist(lambda: outcomes.judge(claim, answer, end))
    _end(claim, lambda: outcomes.finish(claim, answer, end, ms))
    if end.status != DeliveryStatus.DELIVERED:
        current_app.logger.warning(
            "Webhook %s: attempt %s of delivery %s failed: %s",
            *(claim.webhook_id, claim.attempts, claim.id, end.error),
        )
    if disabled:
        current_app.logger.error("Webhook %s is disabled: %s", claim.webhook_id, disabled)


def _decided(claim: ClaimedDelivery) -> tuple[Answer, AttemptDecision]:
    """Return what came of an attempt, and what that makes of the delivery.

    An error of our own is an ending too: it is told as a failure, and the delivery goes on by its schedule.
    """
    try:
        answer = _answer(claim)
        return answer, decide(answer, claim.attempts, now())
    except Exception as error:
        current_app.logger.exception("Webhook %s: delivery %s raised an error", claim.webhook_id, claim.id)
        answer = Answer(None, error=f"The service itself failed: {type(error).__name__}.")
        return answer, decide(answer, claim.attempts, now())


def _answer(claim: ClaimedDelivery) -> Answer:
    content = body(claim)
    release()
    headers = signatures.headers(claim.secret, claim.uid, now(), content)
    return post(claim.url, content, headers, _allowed(tuple(current_app.config["WEBHOOK_ALLOW"])))


def _end(claim: ClaimedDelivery, write: Callable[[], list[int] | None]) -> None:
    """Write a delivery's end, and wake workers for what it was in the way of."""
    following = _persist(write)
    if following is None:
        current_app.logger.warning("The lease of delivery %s was over when it ended", claim.id)
    else:
        wake(following)


def _persist(work: Callable[[], T]) -> T:
    return persist(work, current_app.config["LEASE_SECONDS"])


@lru_cache(1)
def _allowed(entries: tuple[str, ...]) -> AllowedHosts:
    return AllowedHosts.read(entries)
