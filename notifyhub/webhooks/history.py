"""What webhooks were told of one object."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, and_, or_, select

from notifyhub.webhooks.recorder import deliveries, webhooks

BEFORE, AFTER = timedelta(seconds=2), timedelta(seconds=10)
"""How long before and after the moments that an object shows its events may have been recorded."""

MAX_DELIVERIES = 50

_DELIVERY = (
    *(deliveries.c[name] for name in ("id", "webhook_id", "event", "status", "attempts", "created_at")),
    *(deliveries.c[name] for name in ("updated_at", "next_attempt_at", "response_status", "error")),
    webhooks.c.url,
)


def deliveries_of(
    connection: Connection, kind: str, object_id: int, moments: Iterable[datetime]
) -> list[Row[Any]]:
    """Return the deliveries about an object that were recorded around some moments, the first one first.

    An event is recorded when it happens, and no index has the objects of what has been delivered: so they are
    looked for by time, along ix_webhook_deliveries_created. `kind` is the first word of their events.
    """
    made_at = deliveries.c.created_at
    around = [and_(made_at >= moment - BEFORE, made_at <= moment + AFTER) for moment in moments]
    if not around:
        return []
    of_object = and_(deliveries.c.kind == kind, deliveries.c.object_id == object_id)
    found = (
        select(*_DELIVERY)
        .join(webhooks, webhooks.c.id == deliveries.c.webhook_id)
        .where(or_(*around), of_object)
        .order_by(made_at, deliveries.c.id)
        .limit(MAX_DELIVERIES)
    )
    return list(connection.execute(found))
