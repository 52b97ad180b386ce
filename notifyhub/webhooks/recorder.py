"""Recording: an event becomes deliveries, in the transaction in which it happens."""

import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select, true

from notifyhub.api.http.json import encode
from notifyhub.database.base import now, table_of
from notifyhub.webhooks.models import Event, Webhook, WebhookDelivery

webhooks, deliveries = table_of(Webhook), table_of(WebhookDelivery)

# Locked against deletion, which would make the whole transaction fail; one that is being deleted is left out.
_active = (
    select(webhooks.c.id, webhooks.c.events)
    .where(webhooks.c.is_active == true())
    .order_by(webhooks.c.id)
    .with_for_update(read=True, key_share=True, skip_locked=True)
)
_insert = insert(deliveries).returning(deliveries.c.id)


def record(connection: Connection, event: Event, object_id: int, data: Mapping[str, Any]) -> list[int]:
    """Store an event for each active webhook that asks for it, in a transaction; return the deliveries' ids.

    The event has the same id and sequence number wherever it goes. Who changes an object holds its row, so
    that the numbers of its events rise as they happen.
    """
    asking = [row.id for row in connection.execute(_active) if event in row.events]
    if not asking:
        return []
    values = describe(event, object_id, data, now())
    first, *others = [{**values, "webhook_id": id_} for id_ in asking]
    sequence = connection.execute(_insert, first).scalar_one()
    if not others:
        return [sequence]
    repeated = [{**other, "sequence": sequence} for other in others]
    return [sequence, *connection.scalars(_insert, repeated)]


def describe(event: str, object_id: int | None, data: Mapping[str, Any], moment: datetime) -> dict[str, Any]:
    """Return the columns of an event's first delivery."""
    return {
        "event": event,
        "kind": event.partition(".")[0],
        "object_id": object_id,
        "uid": f"msg_{secrets.token_hex(16)}",
        "data": encode(data).decode(),
        "happened_at": moment,
        "next_attempt_at": moment,
    }
