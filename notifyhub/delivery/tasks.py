"""The periodic tasks of the delivery."""

from flask import current_app

from notifyhub.delivery import figures, recovery, reports, retention
from notifyhub.jobs import queues
from notifyhub.jobs.queues import Job
from notifyhub.jobs.tasks import task

FETCH_REPORTS = "notifyhub.fetch_reports"


@task("notifyhub.recover", every=1.0)
def recover() -> None:
    """Find what is due and nobody works on."""
    recovery.recover()


@task("notifyhub.ask_reports", every=1.0)
def ask_reports() -> None:
    """Enqueue the fetching of delivery reports that are due, each notifier's apart."""
    for ids in reports.claim_due():
        queues.publisher().publish([Job(FETCH_REPORTS, [ids])], queues.UPKEEP)


@task(FETCH_REPORTS)
def fetch_reports(ids: list[int]) -> None:
    """Ask a provider what became of some messages."""
    reports.fetch(ids)


@task("notifyhub.erase", every=600.0)
def erase() -> None:
    """Erase what has been kept long enough."""
    erased, purged = retention.erase(), retention.purge_keys()
    retention.forget_deleted_notifiers()
    figures.purge()
    if erased or purged:
        current_app.logger.info("Erased %s messages, forgot %s idempotency keys", erased, purged)
