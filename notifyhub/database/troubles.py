"""What a database's errors mean, and in which words an operator is told."""

import logging
import re
import sqlite3
import time

import psycopg
from sqlalchemy import URL
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

log = logging.getLogger(__name__)

REPEATED_AFTER = 60.0
"""Seconds after which a trouble that lasts is told again: not once for each request."""

_SQLITE_LACKS = re.compile(r"no such (table|column)|table \w+ has no column")

# Of the files below it; all others are of the statement: https://sqlite.org/rescode.html
_SQLITE_AWAY = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_PROTOCOL,
    sqlite3.SQLITE_READONLY,
}

# Classes of SQLSTATE: connection, authorization, catalog name (no such database), resources, operator's
# intervention, system. Appendix A of PostgreSQL's manual. A statement that was cancelled (57014) is none.
_POSTGRESQL_AWAY = ("08", "28", "3D", "53", "57P", "58")


def out_of_reach(error: Exception) -> bool:
    """Tell whether an error means that the database can't be reached now, or is not migrated."""
    if isinstance(error, PoolTimeout) or lacks_tables(error):
        return True
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    cause = _cause(error)
    if isinstance(cause, sqlite3.Error):
        return getattr(cause, "sqlite_errorcode", 0) & 0xFF in _SQLITE_AWAY
    if isinstance(cause, psycopg.Error):
        if cause.sqlstate is None:
            return isinstance(cause, psycopg.OperationalError | psycopg.InterfaceError)
        return cause.sqlstate.startswith(_POSTGRESQL_AWAY)
    return False


def in_one_line(error: Exception) -> str:
    """Return what the database says, without the statement, its values or the database's password."""
    first, *_ = str(_cause(error)).strip().splitlines() or [type(error).__name__]
    if lacks_tables(error):
        return f"The database is not migrated, see `flask db upgrade`: {first}"
    if isinstance(error, OperationalError) or out_of_reach(error):
        return f"The database does not answer: {first}"
    return f"The database refuses: {first}"


def lacks_tables(error: Exception) -> bool:
    """Tell whether a table or column is missing (on PostgreSQL by its SQLSTATE, appendix A of its manual)."""
    cause = _cause(error)
    return getattr(cause, "sqlstate", None) in {"42P01", "42703"} or bool(_SQLITE_LACKS.match(str(cause)))


def named(url: URL) -> str:
    """Return which database it is, without its password."""
    return url.set(drivername=url.get_backend_name()).render_as_string(hide_password=True)


class Trouble:
    """A trouble that many meet: it is told once, and again when it changes or has lasted for a while."""

    def __init__(self) -> None:
        self._words = ""
        self._until = 0.0

    def tell(self, words: str) -> None:
        """Log the words, unless they were logged a short time ago."""
        if words != self._words or time.monotonic() > self._until:
            self._words, self._until = words, time.monotonic() + REPEATED_AFTER
            log.warning("%s", words)


def _cause(error: Exception) -> BaseException:
    return error.orig or error if isinstance(error, DBAPIError) else error
