"""The watch: every worker and every process of the server misses the workers and the schedulers.

Of all processes that miss the same, and see it again, one publishes it and writes it to the log.
"""

import logging
from datetime import datetime
from time import monotonic

from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from notifyhub.database.base import table_of
from notifyhub.database.clock import DatabaseNow
from notifyhub.database.connections import autocommit, transaction
from notifyhub.events import publish
from notifyhub.health import alarms
from notifyhub.health.events import RoleMissing, RoleRecovered
from notifyhub.health.problems import is_missing, missing, told
from notifyhub.jobs.heartbeats import MISSING_AFTER
from notifyhub.jobs.models import Role, Worker

log = logging.getLogger(__name__)

WATCH_SECONDS = 5.0

CONSEQUENCES = {
    Role.WORKER: "nothing is sent",
    Role.SCHEDULER: "what is to be sent later, or again, waits; start a worker with --beat",
}

_workers = table_of(Worker)
_seen = select(
    select(DatabaseNow()).scalar_subquery().label("at"),
    *(
        select(func.max(_workers.c.last_seen_at)).where(_workers.c.role == role).scalar_subquery().label(role)
        for role in Role
    ),
)


class Watch:
    """What a process has seen of the workers and schedulers.

    Those that were told to stop may be back within MISSING_AFTER, as those that are about to start may.
    """

    def __init__(self) -> None:
        self._seen = dict.fromkeys(Role, 0.0)
        # None, as nobody knows what another process has told before.
        self._is_missing: dict[Role, bool | None] = dict.fromkeys(Role)
        self._begun = False

    def check(self) -> None:
        """Look who is there, and tell what has changed since the last time."""
        try:
            row = autocommit().execute(_seen).one()
        except SQLAlchemyError:
            self._begun = False  # who could not write either may be there
            raise
        if not self._begun:
            self._begun, self._seen = True, dict.fromkeys(Role, monotonic())
        for role in Role:
            seen: datetime | None = getattr(row, role)
            if not is_missing(row.at, seen):
                self._seen[role] = monotonic()
                if self._is_missing[role] is not False:
                    _end(role)
                self._is_missing[role] = False
            elif monotonic() - self._seen[role] > MISSING_AFTER.total_seconds():
                if not self._is_missing[role]:
                    _begin(role, seen, row.at)
                self._is_missing[role] = True


def _begin(role: Role, seen: datetime | None, at: datetime) -> None:
    words, since = f"{missing(role, seen)}: {CONSEQUENCES[role]}", seen or at
    with transaction() as connection:
        if not alarms.begin(connection, role, since):
            return
        publish(connection, RoleMissing(role, since, words))
    log.warning("%s", words)


def _end(role: Role) -> None:
    with transaction() as connection:
        since = alarms.end(connection, role)
        if since is None:
            return
        words = f"A {role} is there again: there was none since {told(since)}"
        publish(connection, RoleRecovered(role, since, words))
    log.warning("%s", words)
