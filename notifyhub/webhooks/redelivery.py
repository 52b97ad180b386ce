"""Redelivery: events that are sent to a webhook again.

Each is another delivery of the same event, so that the log keeps how the earlier ones ended.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, bindparam, func, insert, select

from notifyhub.database.base import now, table_of
from notifyhub.database.columns import UTC_TIME
from notifyhub.webhooks.claims import sequence, unblocked
from notifyhub.webhooks.models import DeliveryStatus, WebhookDelivery

deliveries = table_of(WebhookDelivery)

ENQUEUED_AT_ONCE = 500
"""Deliveries for which a request enqueues jobs itself; the recovery does so for the others, seconds later."""

_REPEATED = ("webhook_id", "event", "kind", "object_id", "uid", "data", "happened_at")
_event = select(*(deliveries.c[name] for name in _REPEATED), sequence(deliveries).label("sequence"))

event_of_one = _event.where(
    deliveries.c.id == bindparam("delivery_id"), deliveries.c.webhook_id == bindparam("webhook_id")
)
"""Selects what another delivery of the same event has in common with one."""

# An event may have been redelivered since: what counts is how its latest delivery ended, which is never made
# before the one that failed.
_latest = (
    select(func.max(deliveries.c.id))
    .where(
        deliveries.c.webhook_id == bindparam("webhook_id"),
        deliveries.c.created_at >= bindparam("since", type_=UTC_TIME),
    )
    .group_by(deliveries.c.uid)
    .having(
        func.min(deliveries.c.created_at).filter(deliveries.c.status == DeliveryStatus.FAILED)
        <= bindparam("until", type_=UTC_TIME)
    )
)
_failed_events = (
    _event.add_columns(bindparam("moment", type_=UTC_TIME))
    .where(deliveries.c.id.in_(_latest), deliveries.c.status == DeliveryStatus.FAILED)
    .order_by(sequence(deliveries), deliveries.c.id)
)
_repeat_failed = (
    insert(deliveries)
    .from_select([*_REPEATED, "sequence", "next_attempt_at"], _failed_events)
    .execution_options(preserve_rowcount=True)
)
_unblocked = (
    select(deliveries.c.id)
    .where(
        deliveries.c.webhook_id == bindparam("webhook_id"),
        deliveries.c.next_attempt_at == bindparam("moment", type_=UTC_TIME),
        unblocked,
    )
    .order_by(deliveries.c.id)
    .limit(ENQUEUED_AT_ONCE)
)


def redeliver_failed(
    connection: Connection, webhook_id: int, since: datetime, until: datetime | None
) -> tuple[int, Sequence[int]]:
    """Redeliver the events whose deliveries were made from `since` to `until` (now, if None) and have failed.

    One that has been delivered since, or is about to be, is left out. The caller has locked the webhook, so
    that of two requests one finds nothing left. Returns how many events are sent again, and the deliveries to
    enqueue: those that wait for no other.
    """
    moment = now()
    values = {"webhook_id": webhook_id, "since": since, "until": until or moment, "moment": moment}
    count = connection.execute(_repeat_failed, values).rowcount
    return count, connection.scalars(_unblocked, values).all()
