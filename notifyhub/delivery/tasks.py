"""The tasks, as Celery runs them, and when the periodic ones are due."""

from typing import Any

from celery import Task
from flask import current_app

from notifyhub.delivery import delivering, queue, reports, retention, sweep
from notifyhub.delivery.queue import Call
from notifyhub.extensions import celery

SWEEP = "notifyhub.sweep"
ASK_REPORTS = "notifyhub.ask_reports"
FETCH_REPORTS = "notifyhub.fetch_reports"
ERASE = "notifyhub.erase"

PERIODS = {SWEEP: 1.0, ASK_REPORTS: 1.0, ERASE: 600.0}
"""Seconds between two runs of each periodic task."""


class InApplication(Task):
    """A task that runs in the context of the application that the worker was started for."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        with celery.flask_app.app_context():
            return self.run(*args, **kwargs)


@celery.task(base=InApplication, name=queue.DELIVER)
def deliver(message_id: int) -> None:
    """Give one message a round."""
    delivering.deliver(message_id)


@celery.task(base=InApplication, name=queue.FAN_OUT)
def fan_out(ids: list[int], name: str) -> None:
    """Wake workers for many messages, one by one, by the named queue."""
    queue.publisher().publish([Call(queue.DELIVER, [one]) for one in ids], name)


@celery.task(base=InApplication, name=SWEEP)
def run_sweep() -> None:
    """Look after what nobody else does."""
    sweep.sweep()


@celery.task(base=InApplication, name=ASK_REPORTS)
def ask_reports() -> None:
    """Have the delivery reports fetched that are due, each provider's apart."""
    for ids in reports.claim_due():
        queue.publisher().publish([Call(FETCH_REPORTS, [ids])], queue.UPKEEP)


@celery.task(base=InApplication, name=FETCH_REPORTS)
def fetch_reports(ids: list[int]) -> None:
    """Ask a provider what became of some messages."""
    reports.fetch(ids)


@celery.task(base=InApplication, name=ERASE)
def erase() -> None:
    """Erase what has been kept long enough."""
    erased, purged = retention.erase(), retention.purge_keys()
    if erased or purged:
        current_app.logger.info("Erased %s messages, forgot %s idempotency keys", erased, purged)
