"""The periodic tasks of campaigns."""

from flask import current_app

from notifyhub.campaigns import retention, sending
from notifyhub.jobs.tasks import task


@task("notifyhub.resume_campaigns", every=10.0)
def resume() -> None:
    """Go on with campaigns whose sending has ended too early."""
    if resumed := sending.resume():
        current_app.logger.warning("Went on with %s campaigns whose sending had ended too early", resumed)


@task("notifyhub.erase_campaigns", every=600.0)
def erase() -> None:
    """Erase what has been kept long enough."""
    erased, purged = retention.erase(), retention.purge_drafts()
    if erased or purged:
        current_app.logger.info("Erased %s campaigns, forgot %s drafts of campaigns", erased, purged)
