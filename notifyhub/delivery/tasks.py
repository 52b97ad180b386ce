"""The tasks, as Celery runs them, and when the periodic ones are due."""

from collections.abc import Callable
from typing import Any, TypeVar

from flask import current_app

from notifyhub.delivery import delivering, queue, reports, retention, sweep
from notifyhub.delivery.queue import Call
from notifyhub.extensions import celery

F = TypeVar("F", bound=Callable[..., None])

SWEEP = "notifyhub.sweep"
ASK_REPORTS = "notifyhub.ask_reports"
FETCH_REPORTS = "notifyhub.fetch_reports"
ERASE = "notifyhub.erase"

PERIODS = {SWEEP: 1.0, ASK_REPORTS: 1.0, ERASE: 600.0}
"""Seconds between two runs of each periodic task."""


def _task(name: str) -> Callable[[F], F]:
    """Return the decorator of a task, which runs in the context of the worker's application."""

    def register(function: F) -> F:
        def run(*args: Any) -> None:
            with celery.flask_app.app_context():
                function(*args)

        celery.task(run, name=name)
        return function

    return register


@_task(queue.DELIVER)
def deliver(message_id: int) -> None:
    """Give one message a round."""
    delivering.deliver(message_id)


@_task(queue.FAN_OUT)
def fan_out(ids: list[int], name: str) -> None:
    """Wake workers for many messages, one by one, by the named queue."""
    queue.publisher().publish([Call(queue.DELIVER, [one]) for one in ids], name)


@_task(SWEEP)
def run_sweep() -> None:
    """Look after what nobody else does."""
    sweep.sweep()


@_task(ASK_REPORTS)
def ask_reports() -> None:
    """Have the delivery reports fetched that are due, each provider's apart."""
    for ids in reports.claim_due():
        queue.publisher().publish([Call(FETCH_REPORTS, [ids])], queue.UPKEEP)


@_task(FETCH_REPORTS)
def fetch_reports(ids: list[int]) -> None:
    """Ask a provider what became of some messages."""
    reports.fetch(ids)


@_task(ERASE)
def erase() -> None:
    """Erase what has been kept long enough."""
    erased, purged = retention.erase(), retention.purge_keys()
    if erased or purged:
        current_app.logger.info("Erased %s messages, forgot %s idempotency keys", erased, purged)
