"""Statements that are done together: as one where the database can, else one after the other.

PostgreSQL changes several tables in one statement, by common table expressions; SQLite can't.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from types import SimpleNamespace
from typing import Any, NamedTuple

from sqlalchemy import Connection, CursorResult, Select, bindparam, select, true

from notifyhub.database.connections import autocommit, driver_connection, is_postgresql, transaction
from notifyhub.extensions import db


class Step:
    """A statement to be executed on its own; `columns` are what it returns, with their types."""

    def __init__(self, statement: Any) -> None:
        self.statement = statement
        self.columns = {column.name: column.type for column in statement.exported_columns}
        # No other values may be given: one that is named like a column would be set.
        self._parameters = [bind.key for bind in statement.compile().binds.values() if bind.required]

    def execute(self, connection: Connection, values: Mapping[str, Any]) -> CursorResult[Any]:
        """Execute the statement with those of the values that it takes."""
        return connection.execute(self.statement, {name: values[name] for name in self._parameters})


class CombinedStatement:
    """A change that returns at most one row, and what is done with it.

    Each of `then` is given the columns returned so far, as attributes, and
    returns the query or insertion that is made of them; what that returns is added to the row.

    On PostgreSQL psycopg runs the statement itself: that takes half the time of SQLAlchemy's way, and all
    threads of a worker share one processor for it. So none of the values may need a conversion there.
    """

    def __init__(self, change: Any, *, then: Sequence[Callable[[Any], Any]] = ()) -> None:
        self._change = change
        self._then = then

    def first(self, connection: Connection, values: Mapping[str, Any]) -> Any:
        """Return the row, by names; None if there was none to change. To be called in a transaction.

        What one of `then` did not return is null. Raises OperationalError if the database can't be reached.
        """
        if connection.dialect.name == "postgresql":
            return self._first_at_once(values)
        return self._first_by_steps(connection, values)

    def first_alone(self, values: Mapping[str, Any]) -> Any:
        """Return the row as `first` does, in a transaction of its own: on PostgreSQL the statement is one."""
        if is_postgresql():
            return self.first(autocommit(), values)
        with transaction() as connection:
            return self.first(connection, values)

    def _first_at_once(self, values: Mapping[str, Any]) -> Any:
        text, constants = self._whole
        with driver_connection() as driver:
            record = driver.execute(text, {**constants, **values}).fetchone()
        return record and self._row._make(record)

    def _first_by_steps(self, connection: Connection, values: Mapping[str, Any]) -> Any:
        change, *then = self._steps
        returned = change.execute(connection, values).first()
        if returned is None:
            return None
        row = returned._asdict()
        for step in then:
            returned_so_far = {_parameter(name): value for name, value in row.items()}
            found = step.execute(connection, {**values, **returned_so_far})
            row |= zip(step.columns, found.first() or [None] * len(step.columns), strict=True)
        return self._row(**row)

    @cached_property
    def _row(self) -> Any:
        return NamedTuple("Row", [(name, Any) for step in self._steps for name in step.columns])

    @cached_property
    def _whole(self) -> tuple[bytes, dict[str, Any]]:
        """The one statement, as psycopg takes it, and the constants in it."""
        rows: Any = self._change.cte("changed")
        columns = dict(rows.c.items())
        for number, then in enumerate(self._then, 1):
            step = then(SimpleNamespace(**columns)).cte(f"then_{number}")
            columns |= step.c.items()
            rows = rows.outerjoin(step, true())
        whole: Select[Any] = select(*columns.values()).select_from(rows)
        compiled = whole.compile(dialect=db.engine.dialect)
        return str(compiled).encode(), dict(compiled.params)

    @cached_property
    def _steps(self) -> list[Step]:
        """The statements one by one; parameters stand for the columns that those before have returned."""
        steps = [Step(self._change)]
        columns = dict(steps[0].columns)
        for then in self._then:
            parameters = {name: bindparam(_parameter(name), type_=type_) for name, type_ in columns.items()}
            steps.append(Step(then(SimpleNamespace(**parameters))))
            columns |= steps[-1].columns
        return steps


def _parameter(column: str) -> str:
    return f"returned_{column}"
