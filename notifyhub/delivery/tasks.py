"""The tasks of the delivery, as Celery runs them."""

from flask import current_app

from notifyhub.delivery import due_messages, recovery, reports, retention, rounds
from notifyhub.jobs import queues
from notifyhub.jobs.queues import Job
from notifyhub.jobs.tasks import task

SWEEP = "notifyhub.sweep"
ASK_REPORTS = "notifyhub.ask_reports"
FETCH_REPORTS = "notifyhub.fetch_reports"
ERASE = "notifyhub.erase"


@task(due_messages.DELIVER)
def deliver(message_id: int) -> None:
    """Give one message a round."""
    rounds.deliver(message_id)


@task(due_messages.FAN_OUT)
def fan_out(ids: list[int], name: str) -> None:
    """Wake workers for many messages, one by one, by the named queue."""
    queues.publisher().publish([Job(due_messages.DELIVER, [one]) for one in ids], name)


@task(SWEEP, every=1.0)
def run_sweep() -> None:
    """Look after what nobody else does."""
    recovery.sweep()


@task(ASK_REPORTS, every=1.0)
def ask_reports() -> None:
    """Have the delivery reports fetched that are due, each provider's apart."""
    for ids in reports.claim_due():
        queues.publisher().publish([Job(FETCH_REPORTS, [ids])], queues.UPKEEP)


@task(FETCH_REPORTS)
def fetch_reports(ids: list[int]) -> None:
    """Ask a provider what became of some messages."""
    reports.fetch(ids)


@task(ERASE, every=600.0)
def erase() -> None:
    """Erase what has been kept long enough."""
    erased, purged = retention.erase(), retention.purge_keys()
    if erased or purged:
        current_app.logger.info("Erased %s messages, forgot %s idempotency keys", erased, purged)
