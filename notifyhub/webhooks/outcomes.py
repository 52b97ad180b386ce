"""Outcomes: what is written when an attempt has ended."""

import random
from datetime import timedelta
from http import HTTPStatus
from typing import Any

from sqlalchemy import bindparam, false, select, true, update

from notifyhub.database.base import now, table_of
from notifyhub.database.connections import autocommit, transaction
from notifyhub.webhooks.claims import ClaimedDelivery, of_same_object, order
from notifyhub.webhooks.client import Answer
from notifyhub.webhooks.models import DeliveryStatus, Webhook, WebhookDelivery
from notifyhub.webhooks.retry_policy import FAILED_TOO_LONG, GONE, PATIENCE, AttemptDecision

_w, _d = table_of(Webhook), table_of(WebhookDelivery)
_next = _d.alias("next")

PAUSE = timedelta(seconds=5)
"""The least time until a delivery that was put back is claimed again."""

_this_webhook = _w.c.id == bindparam("of_webhook")
_well = (
    update(_w)
    .where(_this_webhook, _w.c.failing_since.is_not(None))
    .values(failing_since=None, updated_at=_w.c.updated_at)
)
_failing = (
    update(_w)
    .where(_this_webhook, _w.c.failing_since.is_(None))
    .values(failing_since=bindparam("at"), updated_at=_w.c.updated_at)
)
_disable = (
    update(_w)
    .where(_this_webhook, _w.c.is_active == true())
    .values(is_active=false(), disabled_reason=bindparam("reason"), updated_at=bindparam("at"))
)
_disable_if_failing = _disable.where(_w.c.failing_since <= bindparam("since"))

_release = (
    update(_d)
    .where(_d.c.id == bindparam("of_delivery"), _d.c.lease_token == bindparam("by"))
    .values(lease_token=None, lease_until=None)
    .returning(_d.c.id)
)
_following = (
    select(_next.c.id)
    .join(_d, of_same_object(_next, _d))
    .where(_d.c.id == bindparam("of_delivery"), _next.c.next_attempt_at.is_not(None))
    .order_by(order(_next))
    .limit(1)
    .scalar_subquery()
)
_wake = (
    update(_d)
    .where(_d.c.id == _following, _d.c.attempts == 0)
    .values(next_attempt_at=bindparam("at"), updated_at=_d.c.updated_at)
    .returning(_d.c.id)
)


def judge(claim: ClaimedDelivery, answer: Answer, ending: AttemptDecision) -> str | None:
    """Write what an answer says of the webhook: it is well, or fails; return why, if this disables it.

    One that fails too long is disabled.
    """
    at = now()
    values = {"of_webhook": claim.webhook_id, "at": at}
    connection = autocommit()
    if ending.status == DeliveryStatus.DELIVERED:
        connection.execute(_well, values)
        return None
    if answer.status == HTTPStatus.GONE:
        reason = GONE
        disabled = connection.execute(_disable, {**values, "reason": reason})
    else:
        connection.execute(_failing, values)
        reason = FAILED_TOO_LONG.format(error=ending.error)
        disabled = connection.execute(
            _disable_if_failing, {**values, "since": at - PATIENCE, "reason": reason}
        )
    return reason if disabled.rowcount else None


def finish(
    claim: ClaimedDelivery, answer: Answer, ending: AttemptDecision, duration_ms: int
) -> list[int] | None:
    """Write how an attempt ended; return the delivery that may go next, None if the lease was lost."""
    answered = {
        "response_status": answer.status,
        "response_body": answer.body,
        "duration_ms": duration_ms,
    }
    return _end(claim, ending, answered)


def give_up(claim: ClaimedDelivery, error: str) -> list[int] | None:
    """Write that a delivery is not attempted any more; return as `finish` does."""
    return _end(claim, AttemptDecision(DeliveryStatus.FAILED, error=error), {"attempts": claim.attempts - 1})


def put_back(claim: ClaimedDelivery) -> None:
    """Give a delivery back that could not be attempted, to be claimed again in some seconds."""
    next_attempt_at = now() + PAUSE * (1 + random.random())  # noqa: S311 - no secret
    back = _release.values(
        attempts=claim.attempts - 1, next_attempt_at=next_attempt_at, updated_at=_d.c.updated_at
    )
    connection = autocommit()
    connection.execute(back, {"of_delivery": claim.id, "by": claim.lease_token})


def _end(claim: ClaimedDelivery, ending: AttemptDecision, more: dict[str, Any]) -> list[int] | None:
    at = now()
    ended = _release.values(
        status=ending.status,
        next_attempt_at=ending.next_attempt_at,
        error=ending.error,
        updated_at=at,
        **more,
    )
    with transaction() as connection:
        if connection.execute(ended, {"of_delivery": claim.id, "by": claim.lease_token}).first() is None:
            return None
        if ending.status == DeliveryStatus.PENDING:
            return []
        return list(connection.scalars(_wake, {"of_delivery": claim.id, "at": at}))
