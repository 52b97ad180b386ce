"""What a database's errors mean."""

import sqlite3

import psycopg
import pytest
from psycopg import errors
from sqlalchemy import make_url
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from notifyhub.database import outages
from notifyhub.database.outages import OutageLog, in_one_line, is_outage, without_password


def of_sqlite(code: int) -> Exception:
    cause = sqlite3.OperationalError("words")
    cause.sqlite_errorcode = code
    return OperationalError("SELECT", {}, cause)


AWAY = [
    *map(of_sqlite, (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR_READ, sqlite3.SQLITE_BUSY)),
    *map(of_sqlite, (sqlite3.SQLITE_READONLY_DBMOVED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_NOTADB)),
    OperationalError("SELECT", {}, sqlite3.OperationalError("no such table: users")),
    PoolTimeout("QueuePool limit"),
    psycopg.OperationalError("connection refused"),
    psycopg.InterfaceError("the connection is closed"),
    DBAPIError("SELECT", {}, Exception("x"), connection_invalidated=True),
    *(
        OperationalError("SELECT", {}, error("words"))
        for error in (
            errors.AdminShutdown,
            errors.CannotConnectNow,
            errors.TooManyConnections,
            errors.InvalidPassword,
            errors.ConnectionFailure,
            errors.InvalidCatalogName,
            errors.QueryCanceled,
            errors.LockNotAvailable,
            errors.IdleInTransactionSessionTimeout,
        )
    ),
    ProgrammingError("SELECT", {}, errors.UndefinedTable("relation does not exist")),
]
OTHERS = [
    of_sqlite(sqlite3.SQLITE_ERROR),
    OperationalError("SELECT", {}, errors.DeadlockDetected("deadlock")),
    IntegrityError("INSERT", {}, errors.UniqueViolation("duplicate")),
    ProgrammingError("SELECT", {}, errors.SyntaxError("syntax")),
    ProgrammingError("SELECT", {}, psycopg.ProgrammingError("the query has 1 placeholder")),
]


@pytest.mark.parametrize("error", AWAY, ids=repr)
def test_a_database_that_cannot_be_used_now_is_out_of_reach(error: Exception) -> None:
    assert is_outage(error)


@pytest.mark.parametrize("error", OTHERS, ids=repr)
def test_a_mistake_of_a_statement_is_not(error: Exception) -> None:
    assert not is_outage(error)


def test_words_are_one_line_without_the_statement() -> None:
    error = OperationalError(
        "SELECT 'hunter2'", {"v": "hunter2"}, psycopg.OperationalError("refused\n\tIs it?")
    )
    assert in_one_line(error) == "The database does not answer: refused"


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("postgresql+psycopg://me:hunter2@host:5432/x", "postgresql://me:***@host:5432/x"),
        ("sqlite:////var/lib/x.db", "sqlite:////var/lib/x.db"),
    ],
)
def test_a_database_is_named_without_its_password(url: str, name: str) -> None:
    assert without_password(make_url(url)) == name


def test_a_trouble_is_told_once_and_again_when_it_changes_or_lasts(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    trouble = OutageLog()
    for words in ("one", "one", "other", "other"):
        trouble.warn(words)
    assert caplog.messages == ["one", "other"]
    monkeypatch.setattr(outages, "REPEAT_AFTER_SECONDS", -1.0)
    trouble = OutageLog()
    trouble.warn("one")
    trouble.warn("one")
    assert caplog.messages[2:] == ["one", "one"]
