"""What webhooks add to an application."""

from flask import Flask

from notifyhub.events import subscribe
from notifyhub.extensions import celery
from notifyhub.webhooks.subscribers import RECORDED, record_events


def init_app(_app: Flask) -> None:
    """Register the tasks, and have events recorded for the webhooks that ask for them."""
    celery.autodiscover_tasks(["notifyhub.webhooks"], force=True)
    for kind in RECORDED:
        subscribe(kind, record_events)
