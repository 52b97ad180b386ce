"""Connections: for single statements, and for transactions."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar, cast

import psycopg
from flask import Flask, g
from sqlalchemy import Connection, Table, event, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from notifyhub.database.watching import watch
from notifyhub.database.writer_lock import FairConnection
from notifyhub.extensions import db

AUTOCOMMIT = "autocommit"
"""The name of the engine whose connections are never in a transaction."""

Answer = TypeVar("Answer")

# What only one process of an installation does at a time: any two numbers of 64 bits that nobody else uses.
MIGRATING, SEEDING = 0x6E6F746966790001, 0x6E6F746966790002


# How long libpq waits for a server: for its connection, for what was sent to arrive, for a sign of its life.
_PATIENCE = {
    "connect_timeout": 5,
    "tcp_user_timeout": 10_000,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
}


def init_app(app: Flask) -> None:
    """Bind the database to the application: to be called after its configuration."""
    url = make_url(app.config["SQLALCHEMY_DATABASE_URI"])
    postgresql = url.get_backend_name() == "postgresql"
    options: dict[str, Any] = {
        "url": url,
        "connect_args": (
            {**_PATIENCE, **url.query, "options": "-c timezone=UTC"}
            if postgresql
            else {"timeout": 30, "factory": FairConnection}
        ),
        # The values of a statement are no matter for the log: some are secrets.
        "hide_parameters": True,
    }
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = {**options, "pool_pre_ping": True}
    app.config["SQLALCHEMY_BINDS"] = {
        AUTOCOMMIT: {
            **options,
            "isolation_level": "AUTOCOMMIT",
            # Where nothing is open there is nothing to undo; but SQLite's half-read results keep a snapshot.
            "pool_reset_on_return": None if postgresql else "rollback",
        }
    }
    db.init_app(app)
    with app.app_context():
        for engine in db.engines.values():
            watch(app, engine)
            if not postgresql:
                event.listen(engine, "connect", _set_up_sqlite)
        if not postgresql:
            event.listen(db.engine, "begin", _begin_immediate)
    app.teardown_appcontext(release)


def autocommit() -> Connection:
    """Return the request's connection on which every statement stands for itself.

    Without a transaction around it a statement costs two round trips less.
    """
    if "autocommit" not in g:
        g.autocommit = db.engines[AUTOCOMMIT].connect()
    connection: Connection = g.autocommit
    return connection


def read_first(read: Callable[[Connection], Answer]) -> Answer:
    """Return what a request reads first, from a new connection if the server has closed the pooled one.

    A restart of the database does that; all others of the pool are renewed with the one that finds out.
    """
    try:
        return read(autocommit())
    except DBAPIError as error:
        if not error.connection_invalidated:
            raise
    release()
    return read(autocommit())


@contextmanager
def atomically() -> Iterator[Connection]:
    """Give a connection whose statements are done together, or not at all: for those that need no session.

    On PostgreSQL it is the request's own, which has just answered. Taking another, asking whether it lives
    and giving it to a session takes as long as some statements.
    """
    if db.engine.dialect.name == "postgresql":
        connection = autocommit()
        with cast("psycopg.Connection", connection.connection.driver_connection).transaction():
            yield connection
        return
    release()
    with db.engine.begin() as connection:
        yield connection


@contextmanager
def transaction() -> Iterator[Session]:
    """Give a session whose changes are committed together at the end, or not at all.

    The request's other connection is given back first: it never holds two. What an earlier transaction read
    is read again: others may have changed it.
    """
    release()
    session = db.session()
    session.expire_all()
    try:
        yield session
        session.commit()
    except BaseException:
        session.rollback()
        raise


def insert_unless_there(connection: Connection, table: Table, **values: Any) -> None:
    """Insert a row, or leave the one alone that has the same key, even if it comes at the same time."""
    dialects: dict[str, Callable[[Table], postgresql.Insert | sqlite.Insert]] = {
        "postgresql": postgresql.insert,
        "sqlite": sqlite.insert,
    }
    insert = dialects[connection.dialect.name](table)
    connection.execute(insert.values(**values).on_conflict_do_nothing())


def hold(connection: Connection, lock: int) -> None:
    """Wait until no other process holds the lock, and hold it to the end of the transaction.

    On SQLite every transaction holds the one lock there is.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(lock)))


def release(_error: BaseException | None = None) -> None:
    """Give the request's connection without transactions back to the pool."""
    connection: Connection | None = g.pop("autocommit", None)
    if connection is not None:
        connection.close()


def _set_up_sqlite(connection: sqlite3.Connection, _record: Any) -> None:
    for pragma in ("journal_mode=WAL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_immediate(connection: Connection) -> None:
    """Take SQLite's lock for writing at once.

    A transaction that reads first and writes later would fail, without waiting, if another wrote between.
    """
    cast("FairConnection", connection.connection.driver_connection).acquire_writer_lock()
    connection.exec_driver_sql("BEGIN IMMEDIATE")
