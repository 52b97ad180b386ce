"""Attempts: one of one delivery, from the claim to its end."""

import time
from collections.abc import Callable, Iterable
from functools import lru_cache
from http import HTTPStatus

from flask import current_app

from notifyhub import instruments
from notifyhub.api.http.json import timestamp
from notifyhub.database import connections
from notifyhub.database.base import now
from notifyhub.jobs import queues
from notifyhub.jobs.leases import CLAIM_RETRIED_SECONDS, WORKER_LOST, persist
from notifyhub.jobs.queues import Job
from notifyhub.text.hosts import AllowedHosts
from notifyhub.webhooks import claims, outcomes, signatures, slots
from notifyhub.webhooks.claims import ClaimedDelivery
from notifyhub.webhooks.client import WebhookResponse, post
from notifyhub.webhooks.models import DeliveryStatus
from notifyhub.webhooks.retry_policy import MAX_ATTEMPTS, AttemptDecision, decide

DELIVER = "notifyhub.deliver_webhook"

INACTIVE = "The webhook is not active."


def enqueue(ids: Iterable[int]) -> bool:
    """Enqueue deliveries; False if the broker does not take part, and the dispatcher has to."""
    jobs = [Job(DELIVER, [one]) for one in ids]
    return not jobs or queues.publisher().publish(jobs, queues.WEBHOOKS)


def deliver(delivery_id: int) -> None:
    """Claim a delivery and attempt it; nothing is done if it may not be claimed.

    While the receiver is called, no connection to the database is held.
    """
    delivery = connections.persist(lambda: claims.claim(delivery_id), CLAIM_RETRIED_SECONDS)
    if delivery is None:
        return
    if not delivery.is_active:
        _finish(delivery, lambda: outcomes.give_up(delivery, INACTIVE))
    elif delivery.attempts > MAX_ATTEMPTS:
        current_app.logger.warning(
            "Webhook %s: delivery %s is given up: %s", delivery.webhook_id, delivery.id, WORKER_LOST
        )
        _finish(delivery, lambda: outcomes.give_up(delivery, WORKER_LOST))
    else:
        with slots.slot(delivery.webhook_id, failing=delivery.failing_since is not None) as free:
            if not free:
                persist(lambda: outcomes.put_back(delivery))
            elif slots.is_gone(delivery.webhook_id, delivery.webhook_updated_at):
                _finish(delivery, lambda: outcomes.give_up(delivery, INACTIVE))
            else:
                _attempt(delivery)


def body(delivery: ClaimedDelivery) -> str:
    """Return what is sent and signed: the same at every attempt."""
    head = f'{{"type":"{delivery.event}","timestamp":"{timestamp(delivery.happened_at)}"'
    return f'{head},"sequence":{delivery.sequence},"data":{delivery.data}}}'


def _attempt(delivery: ClaimedDelivery) -> None:
    started = time.monotonic()
    response, decision = _decide(delivery)
    duration_ms = round((time.monotonic() - started) * 1000)
    if response.status == HTTPStatus.GONE:
        slots.set_gone(delivery.webhook_id, delivery.webhook_updated_at)
    disabled = persist(lambda: outcomes.update_webhook(delivery, response, decision))
    _finish(delivery, lambda: outcomes.finish(delivery, response, decision, duration_ms))
    instruments.count_webhook_attempt(decision.status, duration_ms)
    if decision.status == DeliveryStatus.DELIVERED:
        lag = (now() - delivery.happened_at).total_seconds()
        instruments.observe_webhook_lag(delivery.event, lag)
    else:
        current_app.logger.warning(
            "Webhook %s: attempt %s of delivery %s failed: %s",
            *(delivery.webhook_id, delivery.attempts, delivery.id, decision.error),
        )
    if disabled:
        current_app.logger.error("Webhook %s is disabled: %s", delivery.webhook_id, disabled)


def _decide(delivery: ClaimedDelivery) -> tuple[WebhookResponse, AttemptDecision]:
    """Return what the receiver answered, and what that makes of the delivery.

    An error of our own counts as a failed attempt, and the delivery goes on by its schedule.
    """
    try:
        response = _send(delivery)
        return response, decide(response, delivery.attempts, now())
    except Exception as error:
        current_app.logger.exception(
            "Webhook %s: delivery %s raised an error", delivery.webhook_id, delivery.id
        )
        response = WebhookResponse(None, error=f"The service itself failed: {type(error).__name__}.")
        return response, decide(response, delivery.attempts, now())


def _send(delivery: ClaimedDelivery) -> WebhookResponse:
    content = body(delivery)
    connections.release()
    headers = signatures.headers(delivery.secret, delivery.uid, now(), content)
    return post(delivery.url, content, headers, _allowed(tuple(current_app.config["WEBHOOK_ALLOW"])))


def _finish(delivery: ClaimedDelivery, write: Callable[[], list[int] | None]) -> None:
    """Write an attempt's end, and enqueue the delivery that waited for it."""
    following = persist(write)
    if following is None:
        current_app.logger.warning("The lease of delivery %s was over when it ended", delivery.id)
    else:
        enqueue(following)


@lru_cache(1)
def _allowed(entries: tuple[str, ...]) -> AllowedHosts:
    return AllowedHosts.read(entries)
