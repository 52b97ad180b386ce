"""What the delivery adds to an application."""

from flask import Flask

from notifyhub.delivery import due_messages, outcomes
from notifyhub.delivery.figures import FLUSH_SECONDS, Figures
from notifyhub.delivery.group_writer import GroupWriter
from notifyhub.events import subscribe
from notifyhub.extensions import celery
from notifyhub.jobs import repeated
from notifyhub.jobs.buffer import JobBuffer
from notifyhub.jobs.repeated import Repeated
from notifyhub.messages.events import MessagesDue


def init_app(app: Flask) -> None:
    """Register the tasks, have due messages enqueued together, and the ends of rounds written in groups.

    Workers write the figures of notifiers from time to time.
    """
    celery.autodiscover_tasks(["notifyhub.delivery"], force=True)
    subscribe(MessagesDue, due_messages.on_due)
    app.extensions["due_messages"] = JobBuffer(app, due_messages.enqueue)
    app.extensions["outcome_writer"] = GroupWriter(outcomes.write)
    counted = app.extensions["figures"] = Figures()
    repeated.add(app, repeated.WORKER, Repeated(app, FLUSH_SECONDS, counted.flush, at_end=counted.flush))
