"""Retention: deliveries that are over are kept for some weeks, no longer than what messages say."""

from datetime import timedelta

from sqlalchemy import and_

from notifyhub.database.base import now, table_of
from notifyhub.database.purge import purge
from notifyhub.delivery import policies
from notifyhub.webhooks.models import WebhookDelivery

deliveries = table_of(WebhookDelivery)

RETENTION_DAYS = 30


def purge_deliveries() -> int:
    """Delete old deliveries; return how many."""
    before = now() - timedelta(days=min(RETENTION_DAYS, policies.in_force().retention_days))
    over = and_(deliveries.c.created_at < before, deliveries.c.next_attempt_at.is_(None))
    return purge(deliveries, over, deliveries.c.created_at)
