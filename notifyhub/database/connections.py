"""Connections: one for reading, and transactions for changing."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from flask import Flask, current_app, g
from sqlalchemy import Connection, Engine, Table, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from notifyhub.extensions import db

AUTOCOMMIT = {"isolation_level": "AUTOCOMMIT"}

Answer = TypeVar("Answer")


def init_app(app: Flask) -> None:
    """Bind the database to the application: to be called after its configuration."""
    if make_url(app.config["SQLALCHEMY_DATABASE_URI"]).get_backend_name() == "postgresql":
        options = {"connect_args": {"options": "-c timezone=UTC", "connect_timeout": 5}}
    else:
        options = {"connect_args": {"timeout": 30}}
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = options
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
    connection: Connection = g.reader
    return connection


def read_first(read: Callable[[Connection], Answer]) -> Answer:
    """Return what a request reads first, from a new connection if the server has closed the pooled one.

    A restart of the database does that; all others of the pool are renewed with the one that finds out.
    """
    try:
        return read(reader())
    except DBAPIError as error:
        if not error.connection_invalidated:
            raise
    drop_reader()
    return read(reader())


@contextmanager
def transaction() -> Iterator[Session]:
    """Give a session whose changes are committed together at the end, or not at all.

    The reader is given back first, so that a request never holds two connections. What an earlier transaction
    read is read again: others may have changed it.
    """
    drop_reader()
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

    A transaction that reads first and writes later would fail, without waiting, if another wrote between.
    """
    if connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT":
        connection.exec_driver_sql("BEGIN IMMEDIATE")
