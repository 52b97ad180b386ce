"""The periodic tasks of the health."""

from notifyhub.health import changes, credit, retention
from notifyhub.jobs.tasks import task


@task("notifyhub.read_credits", every=2.0)
def read_credits() -> None:
    """Ask for the credits of notifiers that are due."""
    credit.read_due()


@task("notifyhub.tell_changes", every=1.0)
def tell_changes() -> None:
    """Publish which notifiers rest and which have recovered."""
    changes.tell()


@task("notifyhub.forget_workers", every=600.0)
def forget_workers() -> None:
    """Forget workers that died, and credits of notifiers that are gone."""
    retention.forget()
