"""The tasks of webhooks, as Celery runs them."""

from flask import current_app

from notifyhub.jobs.tasks import task
from notifyhub.webhooks import attempts, recovery, retention


@task(attempts.DELIVER)
def deliver(delivery_id: int) -> None:
    """Attempt one delivery."""
    attempts.deliver(delivery_id)


@task("notifyhub.recover_webhooks", every=1.0)
def recover() -> None:
    """Enqueue deliveries that are due and that nobody works on."""
    recovery.recover()


@task("notifyhub.purge_webhook_deliveries", every=600.0)
def purge() -> None:
    """Delete what has been kept long enough."""
    if purged := retention.purge_deliveries():
        current_app.logger.info("Purged %s webhook deliveries", purged)
