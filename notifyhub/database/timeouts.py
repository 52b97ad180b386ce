"""How long PostgreSQL works for a statement, waits for a lock, and keeps a transaction that stands still.

They hold for every connection, so that a statement gone wrong costs one request, and not all connections.
What takes long by its nature (migrations, clearing old rows, re-encrypting) lifts them in its own
transaction. SQLite has its busy time-out: `connections.SQLITE_LOCK_SECONDS`.
"""

import psycopg
from sqlalchemy import Connection, func, literal, select
from sqlalchemy.exc import DBAPIError

STATEMENT_SECONDS, LOCK_SECONDS, IDLE_TRANSACTION_SECONDS = 30, 10, 60

_SETTINGS = {
    "statement_timeout": STATEMENT_SECONDS,
    "lock_timeout": LOCK_SECONDS,
    "idle_in_transaction_session_timeout": IDLE_TRANSACTION_SECONDS,
}

POSTGRESQL_OPTIONS = " ".join(f"-c {name}={seconds}s" for name, seconds in _SETTINGS.items())
"""The time-outs as libpq's connection option `options` has them."""


def lift(connection: Connection, *, lock_seconds: float = 0) -> None:
    """Let the transaction that `connection` is in take as long as it needs.

    Each of its waits for a lock ends after `lock_seconds`; 0: never. SQLite has nothing to lift.
    """
    if connection.dialect.name == "postgresql":
        lock = {"lock_timeout": f"{lock_seconds * 1000:.0f}ms"}
        values = {**dict.fromkeys(_SETTINGS, "0"), **lock}
        settings = (func.set_config(literal(name), literal(value), True) for name, value in values.items())
        connection.execute(select(*settings))


def is_timeout(error: BaseException | None) -> bool:
    """Return whether an error is the end of a statement that took, or waited for a lock, too long."""
    return isinstance(error, psycopg.errors.QueryCanceled | psycopg.errors.LockNotAvailable)


def is_lock_timeout(error: DBAPIError) -> bool:
    """Return whether a statement has waited too long for a lock."""
    return isinstance(error.orig, psycopg.errors.LockNotAvailable)
