"""Claims: which worker has a delivery. The events of an object go to a webhook one after the other."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, FromClause, and_, bindparam, exists, func, select, update

from notifyhub.database.base import now, table_of
from notifyhub.database.connections import autocommit
from notifyhub.jobs import leases
from notifyhub.webhooks.models import Webhook, WebhookDelivery

webhooks, deliveries = table_of(Webhook), table_of(WebhookDelivery)
earlier = deliveries.alias("earlier")


@dataclass(frozen=True)
class ClaimedDelivery:
    """A claimed delivery, as its worker needs it; `attempts` counts this one. Its `repr` shows no secret.

    From `url` on it is the webhook as it was right after the claim, last changed at `webhook_updated_at`:
    what comes of the attempt says nothing of one that was changed since, to another URL maybe.
    """

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
    webhook_updated_at: datetime


def sequence(rows: FromClause) -> ColumnElement[int]:
    """Return the sequence number of deliveries."""
    return func.coalesce(rows.c.sequence, rows.c.id)


def of_same_object(some: FromClause, other: FromClause) -> ColumnElement[bool]:
    """Return the condition that two deliveries take events of the same object to the same webhook."""
    return and_(*(some.c[name] == other.c[name] for name in ("webhook_id", "kind", "object_id")))


unblocked = ~exists().where(
    of_same_object(earlier, deliveries),
    earlier.c.next_attempt_at.is_not(None),
    sequence(earlier) < sequence(deliveries),
)
"""The condition of deliveries that wait for no earlier event of their object."""

_claim = (
    update(deliveries)
    .where(deliveries.c.id == bindparam("delivery_id"), leases.free(deliveries), unblocked)
    .values(**leases.taken(), attempts=deliveries.c.attempts + 1, updated_at=leases.NOW)
    .returning(
        *(deliveries.c[name] for name in ("id", "webhook_id", "event", "uid")),
        sequence(deliveries).label("sequence"),
        *(deliveries.c[name] for name in ("data", "happened_at", "attempts", "lease_token")),
    )
)
_webhook = select(
    *(webhooks.c[name] for name in ("url", "secret", "is_active", "failing_since")),
    webhooks.c.updated_at.label("webhook_updated_at"),
).where(webhooks.c.id == bindparam("webhook_id"))


def claim(delivery_id: int) -> ClaimedDelivery | None:
    """Claim a delivery; None if it is not due, somebody has it, or an earlier event of its object waits."""
    values = {"delivery_id": delivery_id, **leases.claim_values(leases.new_token(), now())}
    connection = autocommit()
    delivery = connection.execute(_claim, values).mappings().first()
    if delivery is None:
        return None
    webhook = connection.execute(_webhook, {"webhook_id": delivery["webhook_id"]}).mappings().first()
    return ClaimedDelivery(**delivery, **webhook) if webhook else None
