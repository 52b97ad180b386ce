"""Locks that a transaction holds until it ends, on PostgreSQL its advisory locks.

SQLite needs none: its transactions that may write run one at a time, so a lock is always free there.
"""

from typing import Any

from sqlalchemy import Boolean, ColumnElement, Connection, func, literal, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

MIGRATION, SEEDING, ACCOUNTS = 0x6E6F746966790001, 0x6E6F746966790002, 0x6E6F746966790003
"""What one process does at a time. Any numbers of 64 bits that nobody else uses will do."""


class _Lock(FunctionElement[Any]):
    inherit_cache = True
    postgresql = "pg_advisory_xact_lock"


class _TryLock(_Lock):
    inherit_cache = True
    postgresql = "pg_try_advisory_xact_lock"
    type = Boolean()


@compiles(_Lock)
def _call(element: _Lock, compiler: SQLCompiler, **options: Any) -> str:
    if compiler.dialect.name != "postgresql":
        return "1"
    return f"{element.postgresql}({compiler.process(element.clauses, **options)})"


def acquire(connection: Connection, number: int) -> None:
    """Wait until no other transaction holds a lock, and hold it."""
    connection.execute(select(_Lock(literal(number))))


def locked(name: ColumnElement[str]) -> ColumnElement[Any]:
    """Return a column that waits for the lock of a name and holds it, to be selected beside others."""
    return _Lock(func.hashtextextended(name, 0))


def lock_is_free(name: str) -> ColumnElement[bool]:
    """Return a column that is true, and holds the lock of a name, unless another transaction does."""
    return _TryLock(func.hashtextextended(name, 0))
