"""Reads that most requests begin with, or consist of."""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple, cast

import psycopg
from sqlalchemy import Connection, Select
from sqlalchemy.exc import OperationalError

from notifyhub.database.driver_statement import DriverStatement
from notifyhub.database.timeouts import is_timeout
from notifyhub.extensions import db


class Query:
    """A SELECT, each time with other values.

    On PostgreSQL it is a `DriverStatement`: none of the values may need a conversion there. What listens to
    the engine's statements hears of it all the same.
    """

    def __init__(self, statement: Select[Any]) -> None:
        self._statement = statement

    def first(self, connection: Connection, values: Mapping[str, Any]) -> Any:
        """Return the first row, by names; None if there is none. To be called outside a transaction."""
        rows = self.all(connection, values)
        return self._row._make(rows[0]) if rows else None

    def all(self, connection: Connection, values: Mapping[str, Any]) -> Sequence[Sequence[Any]]:
        """Return the rows. To be called outside a transaction."""
        if connection.dialect.name == "postgresql":
            try:
                return self._all_by_driver(connection, values)
            except psycopg.Error as error:
                if is_timeout(error):  # to try it again would take as long again
                    raise OperationalError("", None, error, hide_parameters=True) from error
                # SQLAlchemy finds others again: it knows what is to be done with the connection then
        return connection.execute(self._statement, values).all()

    def _all_by_driver(self, connection: Connection, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        statement, processors = self._compiled
        for listener in connection.dispatch.before_cursor_execute:
            listener(connection, None, statement.text, {**statement.constants, **values}, None, False)
        driver = cast("psycopg.Connection", connection.connection.driver_connection)
        rows = statement.execute(driver, values, binary=True).fetchall()
        return [_processed(row, processors) for row in rows] if processors else rows

    @cached_property
    def _row(self) -> Any:
        return NamedTuple("Row", [(name, Any) for name in self._statement.selected_columns.keys()])  # noqa: SIM118

    @cached_property
    def _compiled(self) -> tuple[DriverStatement, list[tuple[int, Callable[[Any], Any]]]]:
        """The statement, and what makes values of some of its columns, by their places."""
        dialect = db.engine.dialect
        types = [column.type.dialect_impl(dialect) for column in self._statement.selected_columns]
        processors = [(n, type_.result_processor(dialect, None)) for n, type_ in enumerate(types)]
        return DriverStatement(self._statement), [(n, one) for n, one in processors if one is not None]


def _processed(
    row: tuple[Any, ...], processors: Sequence[tuple[int, Callable[[Any], Any]]]
) -> tuple[Any, ...]:
    values = list(row)
    for n, processor in processors:
        values[n] = processor(values[n])
    return tuple(values)
