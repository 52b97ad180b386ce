"""Turns: transactions on SQLite begin one after the other, about in the order of their coming.

Whoever finds SQLite's lock taken sleeps, longer each time, and then looks again: where many write, some wait
for seconds while others go first. A lock on a file wakes those who wait as soon as it is free.
"""

import fcntl
import os
import sqlite3
from pathlib import Path
from typing import Any


class FairConnection(sqlite3.Connection):
    """A connection whose transactions wait for their turn.

    The turn ends with the transaction; the system takes it from a process that dies.
    """

    def __init__(self, database: str, *args: Any, **options: Any) -> None:
        # SQLite would make a file that is gone anew.
        uri = f"{Path(database).absolute().as_uri()}?mode=rw"
        super().__init__(uri, *args, **{**options, "uri": True})
        self._name = f"{database}.turn"
        self._file: int | None = None

    def acquire_writer_lock(self) -> None:
        """Wait until it is this connection's turn."""
        if self._file is None:
            self._file = os.open(self._name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def commit(self) -> None:
        super().commit()
        self._release_writer_lock()

    def rollback(self) -> None:
        super().rollback()
        self._release_writer_lock()

    def close(self) -> None:
        super().close()
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _release_writer_lock(self) -> None:
        if self._file is not None:
            fcntl.flock(self._file, fcntl.LOCK_UN)
