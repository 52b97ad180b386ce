"""The statements that every message needs, run by PostgreSQL's driver itself.

SQLAlchemy puts them together, once. Having it run them, too, takes twice the time, and all threads of a
worker share one processor for that.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, cast

import psycopg
from sqlalchemy.exc import OperationalError
from sqlalchemy.sql import ClauseElement

from notifyhub.database.worker_connections import statements
from notifyhub.extensions import db


class DriverStatement:
    """A statement that returns at most one row; none of its values needs a conversion of SQLAlchemy's."""

    def __init__(self, statement: ClauseElement) -> None:
        self._statement = statement

    def first(self, values: Mapping[str, Any]) -> Sequence[Any] | None:
        """Return the row for some values, None if there is none.

        Raises OperationalError, as SQLAlchemy does, where the database can't be reached.
        """
        text, constants = self._compiled
        with statements() as connection:
            driver = cast("psycopg.Connection", connection.connection.driver_connection)
            try:
                return driver.execute(text, {**constants, **values}).fetchone()
            except psycopg.OperationalError as error:
                lost = driver.closed
                if lost:
                    connection.invalidate(error)
                raise OperationalError(
                    "", None, error, hide_parameters=True, connection_invalidated=lost
                ) from error

    @cached_property
    def _compiled(self) -> tuple[bytes, dict[str, Any]]:
        compiled = self._statement.compile(dialect=db.engine.dialect)
        return str(compiled).encode(), dict(compiled.params)
