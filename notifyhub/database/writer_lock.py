"""A fair lock for SQLite's writers: who asks first writes first, more or less.

SQLite has one writer at a time. Its own way of waiting, the busy handler, sleeps and tries again, a little
longer each time: whoever has waited long looks seldom, newcomers get in between, and under load some writers
starve for seconds. The system's lock on a file (flock) keeps those who wait in a queue instead, and wakes the
next one as soon as the lock is free. A transaction takes it before SQLite's own lock.
"""

import fcntl
import os
import sqlite3
from pathlib import Path
from typing import Any


class FairConnection(sqlite3.Connection):
    """A connection that holds the writer lock until its transaction ends.

    If the process dies, the system frees the lock.
    """

    def __init__(self, database: str, *args: Any, **options: Any) -> None:
        # Opened by a path alone, a file that is gone would be made anew.
        uri = f"{Path(database).absolute().as_uri()}?mode=rw"
        super().__init__(uri, *args, **{**options, "uri": True})
        self._lock_path = f"{database}.turn"
        self._lock_file: int | None = None

    def acquire_writer_lock(self) -> None:
        """Wait for the lock and take it; to be called before BEGIN."""
        if self._lock_file is None:
            self._lock_file = os.open(self._lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._lock_file, fcntl.LOCK_EX)

    def commit(self) -> None:
        super().commit()
        self._release_writer_lock()

    def rollback(self) -> None:
        super().rollback()
        self._release_writer_lock()

    def close(self) -> None:
        super().close()
        if self._lock_file is not None:
            os.close(self._lock_file)
            self._lock_file = None

    def _release_writer_lock(self) -> None:
        if self._lock_file is not None:
            fcntl.flock(self._lock_file, fcntl.LOCK_UN)
