"""Recording: what happens becomes deliveries, in the transaction in which it happens."""

import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select, true

from notifyhub.api.http.json import encode
from notifyhub.database.base import now, table_of
from notifyhub.webhooks.models import Event, Webhook, WebhookDelivery

_w, _d = table_of(Webhook), table_of(WebhookDelivery)

# Locked against deletion, which would make the whole transaction fail; one that is being deleted is left out.
_active = (
    select(_w.c.id, _w.c.events)
    .where(_w.c.is_active == true())
    .order_by(_w.c.id)
    .with_for_update(read=True, key_share=True, skip_locked=True)
)
_insert = insert(_d).returning(_d.c.id)


def record(connection: Connection, event: Event, object_id: int, data: Mapping[str, Any]) -> list[int]:
    """Store an event for each active webhook that asks for it, in a transaction; return the deliveries' ids.

    The event has the same id and sequence number wherever it goes. Who changes an object holds its row, so
    that the numbers of its events rise as they happen.
    """
    webhooks = [id_ for id_, events in connection.execute(_active) if event in events]
    if not webhooks:
        return []
    values = describe(event, object_id, data, now())
    ids: list[int] = []
    for webhook_id in webhooks:
        sequence = ids[0] if ids else None
        ids.append(
            connection.execute(
                _insert, {**values, "webhook_id": webhook_id, "sequence": sequence}
            ).scalar_one()
        )
    return ids


def describe(event: str, object_id: int | None, data: Mapping[str, Any], at: datetime) -> dict[str, Any]:
    """Return the columns of an event's first delivery."""
    return {
        "event": event,
        "kind": event.partition(".")[0],
        "object_id": object_id,
        "uid": f"msg_{secrets.token_hex(16)}",
        "data": encode(data).decode(),
        "happened_at": at,
        "next_attempt_at": at,
    }
