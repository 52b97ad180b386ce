"""Outages: which errors mean that the database can't be used now, and how the log says so."""

import logging
import re
import sqlite3
import time

import psycopg
from sqlalchemy import URL
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

log = logging.getLogger(__name__)

REPEAT_AFTER_SECONDS = 60.0
"""An outage that lasts is logged again after so long, not once for each request."""

_SQLITE_LACKS = re.compile(r"no such (table|column)|table \w+ has no column")

# Of the files below it; all others are of the statement: https://sqlite.org/rescode.html
_SQLITE_OUTAGES = {
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
# intervention, system; and single ones: a statement that took too long (57014), a lock that was not to be had
# (55P03), a transaction that nobody went on with (25P03). Appendix A of PostgreSQL's manual.
_POSTGRESQL_OUTAGES = ("08", "28", "3D", "53", "57P", "58", "57014", "55P03", "25P03")


# The server's last words in a session, by a shutdown, a crash or a time-out.
_LAST_WORDS = frozenset({"57P01", "57P02", "57P05", "25P03"})


def ends_session(error: BaseException | None) -> bool:
    """Return whether a driver's error says that PostgreSQL has ended the session.

    The driver knows that the connection is closed when it has read its end, which may come after the words.
    """
    return getattr(error, "sqlstate", None) in _LAST_WORDS


def is_outage(error: Exception) -> bool:
    """Return whether an error means that the database can't be used now: away, too slow or not migrated."""
    if isinstance(error, PoolTimeout) or lacks_tables(error):
        return True
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    cause = _cause(error)
    if isinstance(cause, sqlite3.Error):
        return getattr(cause, "sqlite_errorcode", 0) & 0xFF in _SQLITE_OUTAGES
    if isinstance(cause, psycopg.Error):
        if cause.sqlstate is None:
            return isinstance(cause, psycopg.OperationalError | psycopg.InterfaceError)
        return cause.sqlstate.startswith(_POSTGRESQL_OUTAGES)
    return False


def in_one_line(error: Exception) -> str:
    """Return what the database says, without the statement, its values or the database's password."""
    first, *_ = str(_cause(error)).strip().splitlines() or [type(error).__name__]
    if lacks_tables(error):
        return f"The database is not migrated, see `notifyhub db upgrade`: {first}"
    if isinstance(error, OperationalError) or is_outage(error):
        return f"The database does not answer: {first}"
    return f"The database refuses: {first}"


def lacks_tables(error: Exception) -> bool:
    """Return whether a table or column is missing (PostgreSQL: by SQLSTATE, appendix A of its manual)."""
    cause = _cause(error)
    return getattr(cause, "sqlstate", None) in {"42P01", "42703"} or bool(_SQLITE_LACKS.match(str(cause)))


def without_password(url: URL) -> str:
    """Return the URL of a database as an operator would write it, its password masked."""
    return url.set(drivername=url.get_backend_name()).render_as_string(hide_password=True)


class OutageLog:
    """The log of an outage that many requests and tasks meet: one line, not one for each of them."""

    def __init__(self) -> None:
        self._logged = ""
        self._repeat_at = 0.0

    def warn(self, text: str) -> None:
        """Log a warning, unless the same one was logged less than REPEAT_AFTER_SECONDS ago."""
        if text != self._logged or time.monotonic() > self._repeat_at:
            self._logged, self._repeat_at = text, time.monotonic() + REPEAT_AFTER_SECONDS
            log.warning("%s", text)


def _cause(error: Exception) -> BaseException:
    return error.orig or error if isinstance(error, DBAPIError) else error
