"""The periodic task of the audit."""

from flask import current_app

from notifyhub.audit import retention
from notifyhub.jobs.tasks import task

PURGE = "notifyhub.purge_audit"


@task(PURGE, every=600.0)
def purge() -> None:
    """Delete what has been kept long enough."""
    if purged := retention.purge_entries():
        current_app.logger.info("Purged %s entries of the audit", purged)
