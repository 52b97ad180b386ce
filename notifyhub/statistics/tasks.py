"""What is done from time to time."""

from flask import current_app

from notifyhub.jobs.tasks import task
from notifyhub.statistics import rollup

SECONDS = 10.0
"""Of one run: of a database whose messages are not counted yet, each run counts a part."""


@task("notifyhub.count_statistics", every=60.0)
def count_statistics() -> None:
    """Count the quarters of an hour that are over, and again those in which something may differ."""
    if count := rollup.run(SECONDS):
        current_app.logger.info("Counted the messages of %s quarters of an hour", count)
