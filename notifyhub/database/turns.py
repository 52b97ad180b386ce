"""Turns: transactions on SQLite begin one after the other, about in the order of their coming.

Whoever finds SQLite's lock taken sleeps, longer each time, and then looks again: where many write, some wait
for seconds while others go first. A lock on a file wakes those who wait as soon as it is free.
"""

import fcntl
import os
import sqlite3

from sqlalchemy import Connection, Engine, event
from sqlalchemy.pool import ConnectionPoolEntry

_KEY = "turn"


def init(engine: Engine) -> None:
    """Have each transaction of an engine wait for its turn, which ends when the connection is given back.

    The system takes the turn from a process that dies.
    """
    event.listen(engine, "begin", _take)
    event.listen(engine, "checkin", _pass_on)
    event.listen(engine, "close", _forget)


def _take(connection: Connection) -> None:
    info = connection.connection.info
    if _KEY not in info:
        name = f"{connection.engine.url.database}.turn"
        info[_KEY] = os.open(name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(info[_KEY], fcntl.LOCK_EX)


def _pass_on(_connection: sqlite3.Connection | None, entry: ConnectionPoolEntry) -> None:
    if _KEY in entry.info:
        fcntl.flock(entry.info[_KEY], fcntl.LOCK_UN)


def _forget(_connection: sqlite3.Connection, entry: ConnectionPoolEntry) -> None:
    if _KEY in entry.info:
        os.close(entry.info.pop(_KEY))
