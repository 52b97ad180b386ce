"""Outcomes: what is written when an attempt has ended."""

from datetime import datetime
from http import HTTPStatus

from sqlalchemy import Connection, bindparam, false, select, true, update

from notifyhub.database.base import now, table_of
from notifyhub.delivery.connections import statements, transaction
from notifyhub.webhooks.claims import Claim, of_same_object, order
from notifyhub.webhooks.client import Answer
from notifyhub.webhooks.models import Status, Webhook, WebhookDelivery
from notifyhub.webhooks.retries import FAILED_TOO_LONG, GONE, PATIENCE, Ending

_w, _d = table_of(Webhook), table_of(WebhookDelivery)
_next = _d.alias("next")

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

_finish = (
    update(_d)
    .where(_d.c.id == bindparam("of_delivery"), _d.c.lease == bindparam("by"))
    .values(
        status=bindparam("new_status"),
        next_attempt_at=bindparam("new_next_attempt_at"),
        response_status=bindparam("new_response_status"),
        response_body=bindparam("new_response_body"),
        error=bindparam("new_error"),
        duration_ms=bindparam("new_duration_ms"),
        lease=None,
        lease_until=None,
        updated_at=bindparam("at"),
    )
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


def judge(claim: Claim, answer: Answer, ending: Ending) -> None:
    """Write what an answer says of the webhook: it is well, or fails; one that fails too long is disabled."""
    at = now()
    values = {"of_webhook": claim.webhook_id, "at": at}
    with statements() as connection:
        if ending.status == Status.DELIVERED:
            connection.execute(_well, values)
        elif answer.status == HTTPStatus.GONE:
            connection.execute(_disable, {**values, "reason": GONE})
        else:
            connection.execute(_failing, values)
            reason = FAILED_TOO_LONG.format(error=ending.error)
            connection.execute(_disable_if_failing, {**values, "since": at - PATIENCE, "reason": reason})


def finish(claim: Claim, answer: Answer, ending: Ending, duration_ms: int | None) -> list[int] | None:
    """Write how an attempt ended; return the delivery that may go next, None if the lease was lost."""
    values = {
        "of_delivery": claim.id,
        "by": claim.lease,
        "at": now(),
        "new_status": ending.status,
        "new_next_attempt_at": ending.next_attempt_at,
        "new_response_status": answer.status,
        "new_response_body": answer.body,
        "new_error": ending.error,
        "new_duration_ms": duration_ms,
    }
    with transaction() as connection:
        if connection.execute(_finish, values).first() is None:
            return None
        return [] if ending.status == Status.PENDING else _woken(connection, claim.id, values["at"])


def _woken(connection: Connection, delivery_id: int, at: datetime) -> list[int]:
    return list(connection.scalars(_wake, {"of_delivery": delivery_id, "at": at}))
