"""Heartbeats: a worker, and the scheduler in it, write every few seconds that they live."""

import os
import secrets
import socket
import time
from collections.abc import Sequence
from datetime import timedelta
from importlib.metadata import version
from typing import Any

from sqlalchemy import delete, or_, select

from notifyhub.database.base import table_of
from notifyhub.database.clock import DatabaseNow
from notifyhub.database.connections import autocommit
from notifyhub.database.upsert import upsert
from notifyhub.jobs.models import Role, Worker

BEAT_SECONDS = 5.0
"""Between two heartbeats."""

MISSING_AFTER = timedelta(seconds=15)
"""After so long without a heartbeat a worker or a scheduler counts as missing."""

SCHEDULER_STUCK_SECONDS = 10.0
"""A scheduler that has looked for nothing for so long does not live; it looks once a second."""

workers = table_of(Worker)


class Heartbeats:
    """Those of this process."""

    def __init__(self, queues: Sequence[str]) -> None:
        host = socket.gethostname()[:200]
        self._process = secrets.token_hex(16)
        self._ticked: float | None = None
        self._row = {
            "process": self._process,
            "name": f"{host}:{os.getpid()}",
            "queues": list(queues),
            "host": host,
            "version": version("notifyhub"),
            "started_at": DatabaseNow(),
            "last_seen_at": DatabaseNow(),
        }

    def tick(self) -> None:
        """Take note that the scheduler has looked for what is due."""
        self._ticked = time.monotonic()

    def beat(self) -> None:
        """Write that this process lives, and what it does, in one statement."""
        rows: list[dict[str, Any]] = [{**self._row, "role": Role.WORKER}]
        if self._ticked is not None and time.monotonic() - self._ticked < SCHEDULER_STUCK_SECONDS:
            rows.append({**self._row, "role": Role.SCHEDULER, "queues": []})
        connection = autocommit()
        changes = {"last_seen_at": DatabaseNow()}
        connection.execute(upsert(connection, workers, rows, key=["process", "role"], changes=changes))

    def end(self) -> None:
        """Delete what was written: nobody misses a process that was told to stop.

        And what dead ones have left: it would look as if there had been nobody since.
        """
        connection = autocommit()
        dead_by = connection.execute(select(DatabaseNow())).scalar_one() - MISSING_AFTER
        gone = or_(workers.c.process == self._process, workers.c.last_seen_at < dead_by)
        connection.execute(delete(workers).where(gone))
