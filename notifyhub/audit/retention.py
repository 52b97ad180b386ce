"""Retention: entries of the audit are kept for as many days as the delivery settings say."""

from datetime import timedelta

from sqlalchemy import select

from notifyhub.audit.models import AuditEntry
from notifyhub.database.base import now, table_of
from notifyhub.database.connections import autocommit
from notifyhub.database.purge import purge
from notifyhub.settings.models import DeliverySettings

_entries, _settings = table_of(AuditEntry), table_of(DeliverySettings)


def purge_entries() -> int:
    """Delete old entries; return how many."""
    days = autocommit().execute(select(_settings.c.audit_days)).scalar_one()
    old = _entries.c.created_at < now() - timedelta(days=days)
    return purge(_entries, old, _entries.c.created_at)
