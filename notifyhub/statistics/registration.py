"""What statistics add to an application."""

from flask import Flask

from notifyhub.events import subscribe
from notifyhub.extensions import celery
from notifyhub.messages.events import MessageChanged, MessagesRetried
from notifyhub.statistics import commands, rollup


def init_app(app: Flask) -> None:
    """Register the task and the command, and have counts taken back that a change makes wrong."""
    celery.autodiscover_tasks(["notifyhub.statistics"], force=True)
    app.cli.add_command(commands.statistics)
    subscribe(MessagesRetried, rollup.on_retried)
    subscribe(MessageChanged, rollup.on_changed)
