"""Outcomes: what is written when an attempt has ended."""

import random
from datetime import timedelta
from http import HTTPStatus
from typing import Any

from sqlalchemy import Update, bindparam, false, select, true, update

from notifyhub.database.base import now, table_of
from notifyhub.database.columns import UTC_TIME
from notifyhub.database.connections import autocommit, transaction
from notifyhub.events import publish
from notifyhub.jobs import leases
from notifyhub.webhooks.claims import ClaimedDelivery, of_same_object, sequence
from notifyhub.webhooks.client import WebhookResponse
from notifyhub.webhooks.events import WebhookDisabled
from notifyhub.webhooks.models import DeliveryStatus, Webhook, WebhookDelivery
from notifyhub.webhooks.retry_policy import DISABLED_AFTER, FAILED_TOO_LONG, GONE, AttemptDecision
from notifyhub.webhooks.schemas import WebhookSchema

webhooks, deliveries = table_of(Webhook), table_of(WebhookDelivery)
later = deliveries.alias("later")

NO_SLOT_DELAY = timedelta(seconds=5)
"""The least time until a delivery that found no free slot is claimed again."""

_SHOWN = [webhooks.c[name] for name in WebhookSchema.Meta.fields]
"""The columns that a webhook's GET shows."""

_this_webhook = webhooks.c.id == bindparam("webhook_id")
_unchanged = webhooks.c.updated_at == bindparam("webhook_updated_at", type_=UTC_TIME)
_end_failing = (
    update(webhooks)
    .where(_this_webhook, webhooks.c.failing_since.is_not(None))
    .values(failing_since=None, updated_at=webhooks.c.updated_at)
)
_fail = (
    update(webhooks)
    .where(_this_webhook, _unchanged, webhooks.c.failing_since.is_(None))
    .values(failing_since=leases.NOW, updated_at=webhooks.c.updated_at)
)
_disable = (
    update(webhooks)
    .where(_this_webhook, _unchanged, webhooks.c.is_active == true())
    .values(is_active=false(), disabled_reason=bindparam("reason"), updated_at=leases.NOW)
)
_disable_if_failing = _disable.where(webhooks.c.failing_since <= bindparam("failing_until", type_=UTC_TIME))

_this_delivery = deliveries.c.id == bindparam("delivery_id")
_release = (
    update(deliveries)
    .where(_this_delivery, leases.held(deliveries))
    .values(**leases.RELEASED)
    .returning(deliveries.c.id)
)
_following = (
    select(later.c.id)
    .join(deliveries, of_same_object(later, deliveries))
    .where(_this_delivery, later.c.next_attempt_at.is_not(None), sequence(later) > sequence(deliveries))
    .order_by(sequence(later))
    .limit(1)
    .scalar_subquery()
)
_follow = (
    update(deliveries)
    .where(deliveries.c.id == _following, deliveries.c.attempts == 0)
    .values(next_attempt_at=bindparam("moment", type_=UTC_TIME), updated_at=deliveries.c.updated_at)
    .returning(deliveries.c.id)
)


def update_webhook(
    delivery: ClaimedDelivery, response: WebhookResponse, decision: AttemptDecision
) -> str | None:
    """Write what a response says of the webhook: it works, or fails; return why, if this disables it.

    One that fails for too long is disabled. One that was changed since the claim has not been asked.
    """
    moment = now()
    this = {"webhook_id": delivery.webhook_id}
    if decision.status == DeliveryStatus.DELIVERED:
        autocommit().execute(_end_failing, this)
        return None
    values = {**this, "webhook_updated_at": delivery.webhook_updated_at, "now": moment}
    if response.status == HTTPStatus.GONE:
        return _write_disabled(_disable, {**values, "reason": GONE})
    autocommit().execute(_fail, values)
    reason = FAILED_TOO_LONG.format(error=decision.error)
    since = {"failing_until": moment - DISABLED_AFTER}
    return _write_disabled(_disable_if_failing, {**values, **since, "reason": reason})


def _write_disabled(disable: Update, values: dict[str, Any]) -> str | None:
    """Disable a webhook, if the statement's condition is met, and publish it; return why."""
    with transaction() as connection:
        row = connection.execute(disable.returning(*_SHOWN), values).mappings().first()
        if row is None:
            return None
        publish(connection, WebhookDisabled(dict(row)))
    return str(values["reason"])


def finish(
    delivery: ClaimedDelivery, response: WebhookResponse, decision: AttemptDecision, duration_ms: int
) -> list[int] | None:
    """Write how an attempt ended; return the delivery that may go next, None if the lease was lost."""
    answered = {
        "response_status": response.status,
        "response_body": response.body,
        "duration_ms": duration_ms,
    }
    return _end(delivery, decision, answered)


def give_up(delivery: ClaimedDelivery, error: str) -> list[int] | None:
    """Write that a delivery is not attempted any more; return as `finish` does."""
    decision = AttemptDecision(DeliveryStatus.FAILED, error=error)
    return _end(delivery, decision, {"attempts": delivery.attempts - 1})


def put_back(delivery: ClaimedDelivery) -> None:
    """Give a delivery back that could not be attempted, to be claimed again in some seconds."""
    next_attempt_at = now() + NO_SLOT_DELAY * (1 + random.random())  # noqa: S311 - no secret
    back = _release.values(
        attempts=delivery.attempts - 1, next_attempt_at=next_attempt_at, updated_at=deliveries.c.updated_at
    )
    autocommit().execute(back, {"delivery_id": delivery.id, "token": delivery.lease_token})


def _end(delivery: ClaimedDelivery, decision: AttemptDecision, more: dict[str, Any]) -> list[int] | None:
    """Write an attempt's end, then when the next event of the object is due: with this one, or now.

    Due before this one it would be looked at in vain, again and again. These are two transactions: after the
    first one's commit, whoever records or claims the next one sees that nothing is in its way, and what was
    recorded before is seen here.
    """
    moment = now()
    ended = _release.values(
        status=decision.status,
        next_attempt_at=decision.next_attempt_at,
        error=decision.error,
        updated_at=moment,
        **more,
    )
    connection = autocommit()
    this = {"delivery_id": delivery.id}
    if connection.execute(ended, {**this, "token": delivery.lease_token}).first() is None:
        return None
    following = connection.scalars(_follow, {**this, "moment": decision.next_attempt_at or moment}).all()
    return [] if decision.status == DeliveryStatus.PENDING else list(following)
