"""The tasks of webhooks, as Celery runs them."""

from flask import current_app

from notifyhub.delivery.tasks import task
from notifyhub.webhooks import retention, sending, sweep


@task(sending.DELIVER)
def deliver(delivery_id: int) -> None:
    """Attempt one delivery."""
    sending.deliver(delivery_id)


@task("notifyhub.sweep_webhooks", every=1.0)
def run_sweep() -> None:
    """Look after the deliveries that nobody else does."""
    sweep.sweep()


@task("notifyhub.purge_webhook_deliveries", every=600.0)
def purge() -> None:
    """Delete what has been kept long enough."""
    if purged := retention.purge():
        current_app.logger.info("Purged %s webhook deliveries", purged)
