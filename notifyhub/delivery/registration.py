"""What the delivery adds to an application."""

from flask import Flask

from notifyhub.delivery.due_messages import on_due
from notifyhub.events import subscribe
from notifyhub.extensions import celery
from notifyhub.messages.events import MessagesDue


def init_app(_app: Flask) -> None:
    """Register the tasks, and have messages delivered as soon as they are due."""
    celery.autodiscover_tasks(["notifyhub.delivery"], force=True)
    subscribe(MessagesDue, on_due)
