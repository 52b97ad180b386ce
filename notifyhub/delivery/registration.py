"""What the delivery adds to an application."""

from flask import Flask

from notifyhub.delivery import outcomes
from notifyhub.delivery.due_messages import on_due
from notifyhub.delivery.group_writer import GroupWriter
from notifyhub.events import subscribe
from notifyhub.extensions import celery
from notifyhub.messages.events import MessagesDue


def init_app(app: Flask) -> None:
    """Register the tasks, have due messages delivered at once, and the ends of rounds written in groups."""
    celery.autodiscover_tasks(["notifyhub.delivery"], force=True)
    subscribe(MessagesDue, on_due)
    app.extensions["outcome_writer"] = GroupWriter(outcomes.write)
