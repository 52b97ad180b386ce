"""What health adds to an application."""

from flask import Flask

from notifyhub.extensions import celery
from notifyhub.health import commands
from notifyhub.health.watch import WATCH_SECONDS, Watch
from notifyhub.jobs import repeated
from notifyhub.jobs.repeated import Repeated


def init_app(app: Flask) -> None:
    """Register the tasks and the command; have workers and the server look for each other."""
    celery.autodiscover_tasks(["notifyhub.health"], force=True)
    for kind in (repeated.WORKER, repeated.SERVER):
        repeated.add(app, kind, Repeated(app, WATCH_SECONDS, Watch().check))
    app.cli.add_command(commands.status)
