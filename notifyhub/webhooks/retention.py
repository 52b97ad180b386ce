"""Retention: deliveries that are over are kept for some weeks, no longer than what messages say."""

from datetime import timedelta

from sqlalchemy import delete, select

from notifyhub.database.base import now, table_of
from notifyhub.delivery import policies
from notifyhub.delivery.connections import transaction
from notifyhub.webhooks.models import WebhookDelivery

_d = table_of(WebhookDelivery)

DAYS = 30
BATCH = 500


def purge() -> int:
    """Delete old deliveries; return how many."""
    before = now() - timedelta(days=min(DAYS, policies.in_force().retention_days))
    over = select(_d.c.id).where(_d.c.created_at < before, _d.c.next_attempt_at.is_(None))
    old = over.order_by(_d.c.created_at).limit(BATCH).with_for_update(skip_locked=True)
    count = 0
    while True:
        with transaction() as connection:
            purged = connection.execute(delete(_d).where(_d.c.id.in_(list(connection.scalars(old))))).rowcount
        count += purged
        if purged < BATCH:
            return count
