"""Databases of both kinds: making them, emptying them, reading all that they keep."""

import os
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from flask import Flask
from sqlalchemy import Engine, Table, event

from notifyhub.database.connections import is_postgresql
from notifyhub.extensions import db
from tests.support.environment import POSTGRESQL, absent


def _postgresql() -> psycopg.Connection:
    """Return a connection to the server, if there is one."""
    try:
        return psycopg.connect(f"{POSTGRESQL}/postgres", autocommit=True, connect_timeout=5)
    except psycopg.OperationalError:
        absent("PostgreSQL", "TEST_POSTGRESQL_URL")


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], str]]:
    """Give a function that makes an empty database of a kind and returns its URL."""
    made: list[str] = []

    def make(kind: str) -> str:
        if kind == "sqlite":
            return f"sqlite:///{tmp_path_factory.mktemp('database')}/notifyhub.db"
        name = f"notifyhub_test_{os.getpid()}_{len(made)}"
        with _postgresql() as server:
            server.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")  # type: ignore[arg-type]
            server.execute(f"CREATE DATABASE {name}")  # type: ignore[arg-type]
            server.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")  # type: ignore[arg-type]
        made.append(name)
        return f"{POSTGRESQL}/{name}"

    yield make
    for name in made:
        with _postgresql() as server:
            server.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")  # type: ignore[arg-type]


@event.listens_for(Engine, "connect")
def _trust_the_machine(connection: Any, _record: Any) -> None:
    """Have SQLite not wait for the disk at each commit, which takes longer than most tests: no power is lost.

    PostgreSQL's databases are made so.
    """
    if isinstance(connection, sqlite3.Connection):
        connection.execute("PRAGMA synchronous = OFF")


def engines(app: Flask) -> list[Engine]:
    """Return all that the application has connections from."""
    with app.app_context():
        return [*db.engines.values()]


def dispose(app: Flask) -> None:
    """Close the application's connections."""
    app.extensions["publisher"].close()
    for engine in engines(app):
        engine.dispose()


def stored_rows() -> dict[Table, list[dict[str, Any]]]:
    """Return all rows of all tables."""
    with db.engine.connect() as connection:
        return {
            table: [dict(row) for row in connection.execute(table.select()).mappings()]
            for table in db.metadata.sorted_tables
        }


def clear(app: Flask) -> None:
    """Delete all rows but those of the migrations, which are put back as they were."""
    rows_of_migrations: dict[Table, list[dict[str, Any]]] = app.extensions["rows_of_migrations"]
    deletions = [f"DELETE FROM {table.name}" for table in reversed(rows_of_migrations)]
    with app.app_context(), db.engine.begin() as connection:
        driver: Any = (
            connection.connection.driver_connection
        )  # after each test: SQLAlchemy takes five times as long
        for statements in ["; ".join(deletions)] if is_postgresql() else deletions:
            driver.execute(statements)
        for table, rows in rows_of_migrations.items():
            if rows:
                connection.execute(table.insert(), rows)


def stored_text(app: Flask) -> str:
    """Return all that the database keeps, as it is kept: every value of every row."""
    with app.app_context(), db.engine.connect() as connection:
        return "\n".join(
            str(row)
            for table in db.metadata.sorted_tables
            for row in connection.exec_driver_sql(f"SELECT * FROM {table.name}")
        )


def stored_bytes(app: Flask) -> bytes:
    """Return what is in SQLite's files; of PostgreSQL's nothing.

    Connections are closed first: to close a file ends all locks that this process has on it.
    """
    with app.app_context():
        url = db.engine.url
    if url.get_backend_name() == "postgresql":
        return b""
    for engine in engines(app):
        engine.dispose()
    return b"".join(file.read_bytes() for file in Path(url.database or "").parent.iterdir())
