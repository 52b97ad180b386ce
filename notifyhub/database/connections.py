"""Connections: the ways to the database, and what is done when it can't be reached.

`autocommit()` is for single statements, `transaction()` for statements that belong together, `snapshot()` for
reads that have to agree, `orm_session()` for objects. All are of the current application context: of a
request, or of a task.
"""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar, cast

import psycopg
from flask import Flask, current_app, g
from sqlalchemy import URL, Connection, ExceptionContext, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.orm import Session

from notifyhub.database import timeouts
from notifyhub.database.connection_checks import add_checks
from notifyhub.database.outages import ends_session
from notifyhub.database.writer_lock import FairConnection
from notifyhub.extensions import db

AUTOCOMMIT = "autocommit"
"""The name of the engine whose connections are never in a transaction."""

T = TypeVar("T")

POOL_SIZE = 32
"""Autocommit connections that stay open: opening one takes longer than the statements that it is for."""
SQLITE_LOCK_SECONDS = 30
"""How long a statement waits for SQLite's lock before it fails."""
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.05, 1.0
"""Between two tries to reach the database."""

_LIBPQ_TIMEOUTS = {
    "connect_timeout": 5,  # seconds
    "tcp_user_timeout": 10_000,  # milliseconds until what was sent has to be acknowledged
    "keepalives_idle": 5,  # seconds
    "keepalives_interval": 2,  # seconds
    "keepalives_count": 3,
}
"""After how long without a sign of life a PostgreSQL server counts as gone."""


_POSTGRESQL_OPTIONS = (
    f"-c timezone=UTC -c max_parallel_workers_per_gather=0 -c jit=off {timeouts.POSTGRESQL_OPTIONS}"
)
"""A statement has one processor: others, and helpers' starting, cost more of them in all than they save."""


def init_app(app: Flask) -> None:
    """Bind the database to the application: to be called after its configuration."""
    url = make_url(app.config["SQLALCHEMY_DATABASE_URI"])
    postgresql = url.get_backend_name() == "postgresql"
    options: dict[str, Any] = {
        "url": url,
        "connect_args": (
            {**_LIBPQ_TIMEOUTS, **url.query, **_prepared(url), "options": _POSTGRESQL_OPTIONS}
            if postgresql
            else {"timeout": SQLITE_LOCK_SECONDS, "factory": FairConnection}
        ),
        # The values of a statement are no matter for the log: some are secrets.
        "hide_parameters": True,
    }
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = {**options, "pool_pre_ping": True}
    app.config["SQLALCHEMY_BINDS"] = {
        AUTOCOMMIT: {
            **options,
            "isolation_level": "AUTOCOMMIT",
            "pool_size": POOL_SIZE,
            # Where nothing is open there is nothing to undo; but SQLite's half-read results keep a snapshot.
            "pool_reset_on_return": None if postgresql else "rollback",
        }
    }
    db.init_app(app)
    with app.app_context():
        for engine in db.engines.values():
            add_checks(app, engine)
            event.listen(engine, "connect", _check_options if postgresql else _set_up_sqlite)
            if postgresql:
                event.listen(engine, "handle_error", _note_end)
        if not postgresql:
            event.listen(db.engine, "begin", _begin_immediate)
    app.teardown_appcontext(release)


def autocommit() -> Connection:
    """Return the connection of this request or task on which every statement is a transaction of its own.

    Without BEGIN and COMMIT around it a statement costs two round trips less. `release` gives the connection
    back: at the end of the request or task, and before a provider or a receiver is called.
    """
    connection: Connection | None = g.get("autocommit")
    if connection is None or connection.invalidated:
        release()
        connection = g.autocommit = db.engines[AUTOCOMMIT].connect()
    return connection


@contextmanager
def transaction() -> Iterator[Connection]:
    """Give a connection whose statements are committed together at the end, or not at all.

    On PostgreSQL it is the autocommit one: taking another and asking whether it lives takes as long as some
    statements.
    """
    with _after_commit():
        if is_postgresql():
            with driver_connection() as driver, driver.transaction():
                connection = autocommit()
                if not connection.in_transaction():  # it does not know what psycopg has begun
                    connection.begin()
                yield connection
        else:
            release()
            with db.engine.begin() as connection:
                yield connection


@contextmanager
def snapshot() -> Iterator[Connection]:
    """Give the autocommit connection for reads that all see the database as it is at the first of them."""
    connection = autocommit()
    begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY" if is_postgresql() else "BEGIN"
    connection.exec_driver_sql(begin)
    try:
        yield connection
    finally:
        if not connection.invalidated:
            connection.exec_driver_sql("ROLLBACK")


@contextmanager
def orm_session() -> Iterator[Session]:
    """Give a session whose changes are committed together at the end, or not at all.

    The autocommit connection is given back first: a request never holds two. What an earlier transaction
    read is read again: others may have changed it.
    """
    release()
    session = db.session()
    session.expire_all()
    with _after_commit():
        try:
            yield session
            session.commit()
        except BaseException:
            session.rollback()
            raise


def after_commit(work: Callable[[], object]) -> None:
    """Have `work` done as soon as the transaction is committed, at once if there is none."""
    if "after_commit" in g:
        g.after_commit.append(work)
    else:
        _follow(work)


@contextmanager
def _after_commit() -> Iterator[None]:
    """Collect what is to be done after the block's commit, and do it then; nothing, if the block fails."""
    collected: list[Callable[[], object]] = []
    g.after_commit = collected
    try:
        yield
    finally:
        del g.after_commit
    for work in collected:
        _follow(work)


def _follow(work: Callable[[], object]) -> None:
    try:
        work()
    except Exception:  # the commit is done: what fails after it must not look like its failure
        current_app.logger.exception("What was to follow a commit failed")


@contextmanager
def driver_connection() -> Iterator[psycopg.Connection]:
    """Give psycopg's own connection beneath the autocommit one; its failures are raised as SQLAlchemy's."""
    connection = autocommit()
    driver = cast("psycopg.Connection", connection.connection.driver_connection)
    try:
        yield driver
    except psycopg.OperationalError as error:
        lost = driver.closed or ends_session(error)
        if lost:
            connection.invalidate(error)
        raise OperationalError("", None, error, hide_parameters=True, connection_invalidated=lost) from error


def read_first(read: Callable[[Connection], T]) -> T:
    """Return what a request reads first, from a new connection if the server has closed the pooled one.

    A restart of the database does that; all others of the pool are renewed with the one that finds out.
    """
    try:
        return read(autocommit())
    except DBAPIError as error:
        if not error.connection_invalidated:
            raise
    return read(autocommit())


def persist(work: Callable[[], T], seconds: float) -> T:
    """Return what `work` returns, which is tried again for some seconds while the database can't be reached.

    A connection may be lost after a statement was done and before that was known, so `work` must be such that
    doing it twice is as doing it once.
    """
    deadline, pause = time.monotonic() + seconds, FIRST_PAUSE_SECONDS
    while True:
        try:
            return work()
        except DBAPIError as error:
            if not is_out_of_reach(error) or time.monotonic() + pause > deadline:
                raise
            current_app.logger.warning("The database can't be reached: %s", type(error.orig).__name__)
        release()
        time.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE_SECONDS)


def is_out_of_reach(error: BaseException) -> bool:
    """Return whether what failed may be tried again: the database can't be reached, or is busy.

    `outages.is_outage` is another rule: it leaves deadlocks out.
    """
    return isinstance(error, DBAPIError) and (
        error.connection_invalidated or isinstance(error, OperationalError)
    )


def is_postgresql() -> bool:
    """Return whether the application's database is PostgreSQL; else it is SQLite."""
    return db.engine.dialect.name == "postgresql"


def release(_error: BaseException | None = None) -> None:
    """Give the autocommit connection back to the pool."""
    connection: Connection | None = g.pop("autocommit", None)
    if connection is not None:
        connection.close()


def _prepared(url: URL) -> dict[str, None]:
    """Return psycopg's option for a URL with `prepare_threshold=none`: no statement is prepared.

    Behind a pooler in transaction mode the next transaction may be another session's.
    """
    return {"prepare_threshold": None} if url.query.get("prepare_threshold") == "none" else {}


def _check_options(connection: psycopg.Connection, _record: Any) -> None:
    """Refuse a connection whose options a pooler has dropped: the time zone stands for all of them."""
    if connection.info.parameter_status("TimeZone") != "UTC":
        words = "A pooler drops what connections ask for: see connect_query in docs/deploy/pgbouncer.ini"
        raise psycopg.OperationalError(words)


def _note_end(failure: ExceptionContext) -> None:
    """Have a connection that the server has ended taken for lost, with all others of its pool."""
    if ends_session(failure.original_exception):
        failure.is_disconnect = True


def _set_up_sqlite(connection: sqlite3.Connection, _record: Any) -> None:
    for pragma in ("journal_mode=WAL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_immediate(connection: Connection) -> None:
    """Take SQLite's lock for writing at once.

    A transaction that reads first and writes later would fail, without waiting, if another wrote between.
    """
    cast("FairConnection", connection.connection.driver_connection).acquire_writer_lock()
    connection.exec_driver_sql("BEGIN IMMEDIATE")
