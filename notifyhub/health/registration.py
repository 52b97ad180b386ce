"""What health adds to an application."""

from flask import Flask

from notifyhub.events import subscribe
from notifyhub.extensions import celery
from notifyhub.health import alerts, commands
from notifyhub.health.events import (
    NotifierCreditLow,
    NotifierRecovered,
    NotifierResting,
    RoleMissing,
    RoleRecovered,
)
from notifyhub.health.watch import WATCH_SECONDS, Watch
from notifyhub.jobs import repeated
from notifyhub.jobs.repeated import Repeated


def init_app(app: Flask) -> None:
    """Register the tasks and the command; have workers and the server look for each other.

    What becomes of notifiers, workers and schedulers is mailed to the operators.
    """
    celery.autodiscover_tasks(["notifyhub.health"], force=True)
    for kind in (repeated.WORKER, repeated.SERVER):
        repeated.add(app, kind, Repeated(app, WATCH_SECONDS, Watch().check))
    subscribe(NotifierResting, alerts.on_notifier_event)
    subscribe(NotifierRecovered, alerts.on_notifier_event)
    subscribe(NotifierCreditLow, alerts.on_notifier_event)
    subscribe(RoleMissing, alerts.on_role_event)
    subscribe(RoleRecovered, alerts.on_role_event)
    app.cli.add_command(commands.status)
