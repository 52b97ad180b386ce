"""What a response means: for the delivery, and for the webhook. Pure functions."""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus

from notifyhub.delivery.retry_policy import JITTER
from notifyhub.text import retry_after
from notifyhub.webhooks.client import WebhookResponse
from notifyhub.webhooks.models import DeliveryStatus

RETRY_DELAYS = tuple(
    timedelta(seconds=seconds) for seconds in (5, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600, 10 * 3600, 24 * 3600)
)
"""How long it waits after each attempt that failed; after one more it is given up."""
MAX_ATTEMPTS = len(RETRY_DELAYS) + 1

MAX_RETRY_AFTER = timedelta(hours=24)
"""The most that a receiver can ask for by Retry-After."""

DISABLED_AFTER = timedelta(days=5)
"""How long a webhook fails until it is disabled."""

GONE = "The receiver answered 410: it wants no more."
FAILED_TOO_LONG = f"No delivery has succeeded for {DISABLED_AFTER.days} days. The last error: {{error}}"


@dataclass(frozen=True)
class AttemptDecision:
    """What an attempt's end makes of its delivery: pending, it goes on at `next_attempt_at`."""

    status: DeliveryStatus
    next_attempt_at: datetime | None = None
    error: str | None = None


def decide(response: WebhookResponse, attempts: int, at: datetime) -> AttemptDecision:
    """Return what a response makes of a delivery that was attempted so often."""
    if response.status is not None and 200 <= response.status < 300:
        return AttemptDecision(DeliveryStatus.DELIVERED)
    error = response.error or f"The receiver answered {response.status}."
    if response.status == HTTPStatus.GONE or attempts >= MAX_ATTEMPTS:
        return AttemptDecision(DeliveryStatus.FAILED, error=error)
    asked = retry_after.parse(response.retry_after, at, MAX_RETRY_AFTER)
    wait = max(RETRY_DELAYS[attempts - 1], asked or timedelta())
    jitter = 1 + JITTER * random.random()  # noqa: S311 - no secret
    return AttemptDecision(DeliveryStatus.PENDING, at + wait * jitter, error)
