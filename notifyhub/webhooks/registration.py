"""What webhooks add to an application."""

from flask import Flask

from notifyhub.api.openapi.document import describe_webhooks
from notifyhub.events import subscribe
from notifyhub.extensions import celery
from notifyhub.health import queue_depths
from notifyhub.jobs.queues import WEBHOOKS
from notifyhub.webhooks import alerts, documentation
from notifyhub.webhooks.claims import deliveries
from notifyhub.webhooks.events import WebhookDisabled
from notifyhub.webhooks.subscribers import RECORDED, record_events


def init_app(app: Flask) -> None:
    """Register the tasks, describe the events, and have them recorded for the webhooks that ask for them.

    The health tells how many deliveries wait.
    """
    celery.autodiscover_tasks(["notifyhub.webhooks"], force=True)
    queue_depths.watch(app, WEBHOOKS, queue_depths.due_by(deliveries, deliveries.c.next_attempt_at))
    for kind in RECORDED:
        subscribe(kind, record_events)
    subscribe(WebhookDisabled, alerts.on_disabled)
    describe_webhooks(app, documentation.operations())
