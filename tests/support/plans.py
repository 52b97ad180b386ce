"""How the database would run the statements that the application sends."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from flask import Flask
from sqlalchemy import event

from notifyhub.database.connections import AUTOCOMMIT
from notifyhub.extensions import db


@contextmanager
def explained(app: Flask) -> Iterator[list[str]]:
    """Give a list to which the plan of each statement is added that is sent on autocommit connections."""
    plans: list[str] = []
    sent: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        sent.append((statement, parameters))

    with _listener(app, note):
        yield plans
    with app.app_context(), db.engines[AUTOCOMMIT].connect() as connection:
        word = "EXPLAIN" if connection.dialect.name == "postgresql" else "EXPLAIN QUERY PLAN"
        for statement, parameters in sent:
            rows = connection.exec_driver_sql(f"{word} {statement}", parameters).all()
            plans.append("\n".join(str(row[-1]) for row in rows))


@contextmanager
def before_statement(app: Flask, number: int, act: Callable[[], object]) -> Iterator[None]:
    """Act before the n-th statement, from 1, that is sent on autocommit connections meanwhile."""
    left = [number]

    def count(*_: Any) -> None:
        left[0] -= 1
        if left[0] == 0:
            act()

    with _listener(app, count):
        yield


@contextmanager
def _listener(app: Flask, listen: Callable[..., None]) -> Iterator[None]:
    with app.app_context():
        engine = db.engines[AUTOCOMMIT]
    event.listen(engine, "before_cursor_execute", listen)
    try:
        yield
    finally:
        event.remove(engine, "before_cursor_execute", listen)


def forget_statistics(app: Flask, *tables: str) -> None:
    """Have PostgreSQL plan for tables as on a new installation.

    Else what it chooses depends on which test's rows its own upkeep has come to see, and when.
    """
    with app.app_context(), db.engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            for table in tables:
                connection.exec_driver_sql(f"TRUNCATE {table} CASCADE")
                connection.exec_driver_sql(f"DELETE FROM pg_statistic WHERE starelid = '{table}'::regclass")
