"""Connections of the workers: taken for a statement, never held while a provider is talked to."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar, cast

from flask import current_app
from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.exc import DBAPIError, OperationalError

from notifyhub.database.connections import AUTOCOMMIT
from notifyhub.extensions import db

T = TypeVar("T")

LONGEST_PAUSE = 1.0
KEPT = 32
"""Connections that stay open: opening one takes longer than the statements that it is for."""


def is_postgresql() -> bool:
    """Tell whether a statement may change several tables at once, by common table expressions."""
    return db.engine.dialect.name == "postgresql"


def statements() -> Connection:
    """Return a connection on which every statement stands for itself, to be used as a context manager."""
    return _engine().connect()


def _engine() -> Engine:
    """Return the engine for single statements.

    On PostgreSQL it does not ask each connection first whether it lives, which would take as long as the
    statement: `persist` comes back with another one.
    """
    if not is_postgresql():
        return db.engines[AUTOCOMMIT]
    engines = cast("dict[str | None, Engine]", db.engines)
    if "delivery" not in engines:
        options = current_app.config["SQLALCHEMY_BINDS"][AUTOCOMMIT]
        engines["delivery"] = create_engine(**{**options, "pool_pre_ping": False, "pool_size": KEPT})
    return engines["delivery"]


@contextmanager
def transaction() -> Iterator[Connection]:
    """Give a connection in a transaction, which is committed at the end."""
    with db.engine.begin() as connection:
        yield connection


def is_out_of_reach(error: BaseException) -> bool:
    """Tell whether an error means that the database can't be reached."""
    return isinstance(error, DBAPIError) and (
        error.connection_invalidated or isinstance(error, OperationalError)
    )


def persist(work: Callable[[], T], seconds: float) -> T:
    """Return what `work` returns, which is tried again for some seconds while the database can't be reached.

    A connection may be lost after a statement was done and before that was known, so `work` must be such that
    doing it twice is as doing it once.
    """
    deadline, pause = time.monotonic() + seconds, 0.05
    while True:
        try:
            return work()
        except DBAPIError as error:
            if not is_out_of_reach(error) or time.monotonic() + pause > deadline:
                raise
            current_app.logger.warning("The database can't be reached: %s", type(error.orig).__name__)
        time.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE)
