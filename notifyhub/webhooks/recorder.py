"""Recording: events become deliveries, in the transaction in which they happen."""

import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Connection, insert, select, true

from notifyhub.api.http.json import encode
from notifyhub.database.base import now, table_of
from notifyhub.webhooks.models import Event, Webhook, WebhookDelivery

E = TypeVar("E")

webhooks, deliveries = table_of(Webhook), table_of(WebhookDelivery)

# Locked against deletion, which would make the whole transaction fail; one that is being deleted is left out.
_active = (
    select(webhooks.c.id, webhooks.c.events)
    .where(webhooks.c.is_active == true())
    .order_by(webhooks.c.id)
    .with_for_update(read=True, key_share=True, skip_locked=True)
)
_insert = insert(deliveries).returning(deliveries.c.id, deliveries.c.uid)


def record(
    connection: Connection,
    events: Sequence[E],
    name: Callable[[E], Event],
    show: Callable[[Connection, Sequence[E]], Iterable[Mapping[str, Any]]],
) -> list[int]:
    """Store events for each active webhook that asks for them, in a transaction; return the deliveries' ids.

    `name` gives what webhooks call an event, `show` the data of those events that are asked for; the `id` in
    it is the object's. An event has the same id and sequence number wherever it goes. Who changes an object
    holds its row, so that the numbers of its events rise as they happen.
    """
    webhooks_of: dict[str, list[int]] = {}
    for webhook in connection.execute(_active):
        for asked in set(webhook.events):
            webhooks_of.setdefault(asked, []).append(webhook.id)
    wanted = [event for event in events if name(event) in webhooks_of]
    if not wanted:
        return []
    moment = now()
    first, others = [], []
    for event, data in zip(wanted, show(connection, wanted), strict=True):
        values = describe(name(event), data["id"], data, moment)
        for_first, *for_others = ({**values, "webhook_id": id_} for id_ in webhooks_of[name(event)])
        first.append(for_first)
        others += for_others
    sequences = {row.uid: row.id for row in connection.execute(_insert, first)}
    numbered = [{**values, "sequence": sequences[values["uid"]]} for values in others]
    return [*sequences.values(), *(connection.scalars(_insert, numbered) if numbered else ())]


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
