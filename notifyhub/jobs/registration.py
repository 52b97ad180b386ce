"""What the job engine adds to an application."""

from flask import Flask

from notifyhub.api import health
from notifyhub.jobs import queues
from notifyhub.jobs.queues import MESSAGES, publisher
from notifyhub.jobs.threads import CONCURRENCY, Threads


def init_app(app: Flask) -> None:
    """Give the application its publisher and threads; have its health say whether the broker answers."""
    queues.init_app(app)
    app.extensions["threads"] = Threads(CONCURRENCY)
    health.watch_broker(app, lambda: publisher().depth(MESSAGES) is not None)
