"""The statements that every message needs, run by PostgreSQL's driver itself.

SQLAlchemy puts them together, once. Having it run them, too, takes twice the time, and all threads of a
worker share one processor for that.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from sqlalchemy.sql import ClauseElement

from notifyhub.database.connections import driver_connection
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
        with driver_connection() as driver:
            return driver.execute(text, {**constants, **values}).fetchone()

    @cached_property
    def _compiled(self) -> tuple[bytes, dict[str, Any]]:
        compiled = self._statement.compile(dialect=db.engine.dialect)
        return str(compiled).encode(), dict(compiled.params)
