"""Connections: one for reading, and transactions for changing."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask import Flask, current_app, g
from sqlalchemy import Connection, Engine, Table, event, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session

from notifyhub.extensions import db

AUTOCOMMIT = {"isolation_level": "AUTOCOMMIT"}

# What only one process of an installation does at a time: any two numbers of 64 bits that nobody else uses.
MIGRATING, SEEDING = 0x6E6F746966790001, 0x6E6F746966790002


def init_app(app: Flask) -> None:
    """Bind the database to the application: to be called after its configuration."""
    if make_url(app.config["SQLALCHEMY_DATABASE_URI"]).get_backend_name() == "postgresql":
        arguments: dict[str, Any] = {"options": "-c timezone=UTC", "connect_timeout": 5}
    else:
        arguments = {"timeout": 30}
    # A statement's values may be secrets: they are kept out of the words of its error.
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = {"connect_args": arguments, "hide_parameters": True}
    db.init_app(app)
    with app.app_context():
        if db.engine.dialect.name == "sqlite":
            event.listen(db.engine, "connect", _set_up_sqlite)
            event.listen(db.engine, "begin", _begin_immediate)
        app.extensions["reading_engine"] = db.engine.execution_options(**AUTOCOMMIT)
    app.teardown_appcontext(drop_reader)


def reader() -> Connection:
    """Return the request's connection for reading, on which every statement stands for itself.

    Without BEGIN and ROLLBACK around it a read costs two round trips less.
    """
    if "reader" not in g:
        engine: Engine = current_app.extensions["reading_engine"]
        g.reader = engine.connect()
    return g.reader


@contextmanager
def transaction() -> Iterator[Session]:
    """Give a session whose changes are committed together at the end, or not at all.

    The reader is given back first, so that a request never holds two connections.
    """
    drop_reader()
    session = db.session()
    try:
        yield session
        session.commit()
    except BaseException:
        session.rollback()
        raise


def insert_unless_there(connection: Connection, table: Table, **values: Any) -> None:
    """Insert a row, or leave the one alone that is there under the same key, even if it comes at the same time."""
    insert = {"postgresql": postgresql.insert, "sqlite": sqlite.insert}[connection.dialect.name]
    connection.execute(insert(table).values(**values).on_conflict_do_nothing())


def hold(connection: Connection, lock: int) -> None:
    """Wait until no other process holds the lock, and hold it to the end of the transaction.

    On SQLite every transaction holds the one lock there is.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(lock)))


def drop_reader(_error: BaseException | None = None) -> None:
    """Give the request's connection for reading back to the pool."""
    connection: Connection | None = g.pop("reader", None)
    if connection is not None:
        connection.close()


def _set_up_sqlite(connection: sqlite3.Connection, _record: Any) -> None:
    for pragma in ("journal_mode=WAL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_immediate(connection: Connection) -> None:
    """Take SQLite's lock for writing at once.

    A transaction that reads first and writes later would fail, without waiting, if another had written between.
    """
    if connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT":
        connection.exec_driver_sql("BEGIN IMMEDIATE")
