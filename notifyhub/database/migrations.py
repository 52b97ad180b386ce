"""Running the migrations from within a program, and beside a service that goes on."""

import logging
import time
from collections.abc import Callable

from alembic import command
from alembic.util import CommandError
from flask import current_app
from sqlalchemy.exc import OperationalError

from notifyhub.database.timeouts import is_lock_timeout

log = logging.getLogger(__name__)

LOCK_SECONDS = 2
"""How long a migration waits for a lock on a table: as long as all who come after it wait behind it."""
PAUSE_SECONDS = 3.0
"""Between two tries: those who have waited get their turn."""
TRIED_SECONDS = 120.0
"""How long a migration that gets no lock is tried again."""


def upgrade_quietly() -> None:
    """Run the migrations that the database lacks, and print nothing. Raises alembic's CommandError."""
    config = current_app.extensions["migrate"].migrate.get_config()
    config.attributes["silent"] = True
    command.upgrade(config, "head")


def until_locked(migrate: Callable[[], None]) -> None:
    """Call `migrate`, again and again while it gives up waiting for a lock and so undoes what it has done.

    A lock that changes a table waits for every statement that reads it, and makes all later ones wait behind
    it: a migration that just waited would stop the service. Raises alembic's CommandError in the end.
    """
    deadline = time.monotonic() + TRIED_SECONDS
    while True:
        try:
            return migrate()
        except OperationalError as error:
            if not is_lock_timeout(error):
                raise
            if time.monotonic() + PAUSE_SECONDS > deadline:
                words = "Others use a table that is to be changed: nothing was changed. Try again later."
                raise CommandError(words) from error
        log.warning("A migration waits for a table that others use, and is tried again")
        time.sleep(PAUSE_SECONDS)
