"""Claims: which worker has a delivery. The events of an object go to a webhook one after the other."""

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from flask import current_app
from sqlalchemy import ColumnElement, FromClause, and_, bindparam, exists, func, or_, select, update

from notifyhub.database.base import now, table_of
from notifyhub.database.connections import autocommit, transaction
from notifyhub.webhooks.models import Webhook, WebhookDelivery

_w, _d = table_of(Webhook), table_of(WebhookDelivery)
_earlier = _d.alias("earlier")

BLOCKED_PAUSE = timedelta(seconds=5)
"""The least time for which a delivery that has to wait for another is not looked at; it is woken after it."""


@dataclass(frozen=True)
class ClaimedDelivery:
    """A claimed delivery, as its worker needs it; `attempts` counts this one. Its `repr` shows no secret."""

    id: int
    webhook_id: int
    event: str
    uid: str
    sequence: int
    data: str = field(repr=False)
    happened_at: datetime
    attempts: int
    lease_token: str
    url: str = field(repr=False)
    secret: dict[str, Any] = field(repr=False)
    is_active: bool
    failing_since: datetime | None


def order(deliveries: FromClause) -> ColumnElement[int]:
    """Return the sequence number of deliveries."""
    return func.coalesce(deliveries.c.sequence, deliveries.c.id)


def of_same_object(some: FromClause, other: FromClause) -> ColumnElement[bool]:
    """Return the condition that two deliveries tell a webhook of the same object."""
    return and_(
        *(some.c[name] == other.c[name] for name in ("webhook_id", "kind", "object_id")),
    )


_before = and_(
    of_same_object(_earlier, _d), _earlier.c.next_attempt_at.is_not(None), order(_earlier) < order(_d)
)
_at = bindparam("at", type_=_d.c.created_at.type)
_this = _d.c.id == bindparam("of_delivery")
_claim = (
    update(_d)
    .where(
        _this,
        _d.c.next_attempt_at <= _at,
        or_(_d.c.lease_until.is_(None), _d.c.lease_until <= _at),
        ~exists().where(_before),
    )
    .values(
        attempts=_d.c.attempts + 1,
        lease_token=bindparam("by"),
        lease_until=bindparam("until"),
        # From then on it is due again: the sweep finds those whose worker has died.
        next_attempt_at=bindparam("until"),
        updated_at=_at,
    )
    .returning(
        _d.c.id,
        _d.c.webhook_id,
        _d.c.event,
        _d.c.uid,
        order(_d).label("sequence"),
        _d.c.data,
        _d.c.happened_at,
        _d.c.attempts,
        _d.c.lease_token,
    )
)
_webhook = select(_w.c.url, _w.c.secret, _w.c.is_active, _w.c.failing_since).where(
    _w.c.id == bindparam("of_webhook")
)

# Locked, so that its end, which wakes the delivery that waits for it, comes before this or after.
_blocking = (
    select(_earlier.c.next_attempt_at)
    .join(_d, _before)
    .where(_this)
    .order_by(order(_earlier))
    .limit(1)
    .with_for_update(of=_earlier)
)
_postpone = (
    update(_d)
    .where(_this, _d.c.lease_until.is_(None), _d.c.next_attempt_at <= _at)
    .values(next_attempt_at=bindparam("until"), updated_at=_d.c.updated_at)
)


def claim(delivery_id: int) -> ClaimedDelivery | None:
    """Claim a delivery; None if it is not due, somebody has it, or an earlier one goes first."""
    at = now()
    until = at + timedelta(seconds=current_app.config["LEASE_SECONDS"])
    values = {"of_delivery": delivery_id, "at": at, "by": secrets.token_hex(16), "until": until}
    connection = autocommit()
    row = connection.execute(_claim, values).mappings().first()
    webhook = row and connection.execute(_webhook, {"of_webhook": row["webhook_id"]}).mappings().first()
    if row is None:
        _wait(delivery_id, at)
        return None
    return ClaimedDelivery(**row, **webhook) if webhook else None


def _wait(delivery_id: int, at: datetime) -> None:
    """Put a delivery that is due off until the one that goes first will be."""
    with transaction() as connection:
        due = connection.scalar(_blocking, {"of_delivery": delivery_id})
        if due is not None:
            values = {"of_delivery": delivery_id, "at": at, "until": max(due, at + BLOCKED_PAUSE)}
            connection.execute(_postpone, values)
