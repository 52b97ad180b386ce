"""Statements that are done together: as one where the database can, else one after the other.

PostgreSQL changes several tables in one statement, by common table expressions; SQLite can't.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from types import SimpleNamespace
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, bindparam, select, true

from notifyhub.database.connections import autocommit, driver_connection, is_postgresql, transaction
from notifyhub.extensions import db


class _Step:
    """One of the statements, to be executed on its own: what it returns, and the values that it takes."""

    def __init__(self, statement: Any) -> None:
        self.statement = statement
        self.columns = {column.name: column.type for column in statement.exported_columns}
        # No other values may be given: one that is named like a column would be set.
        self.parameters = [bind.key for bind in statement.compile().binds.values() if bind.required]


class CombinedStatement:
    """A change that returns at most one row, and what is done with it.

    `along` are changes of other rows. Each of `then` is given the columns returned so far, as attributes, and
    returns the query or insertion that is made of them; what that returns is added to the row.

    On PostgreSQL psycopg runs the statement itself: that takes half the time of SQLAlchemy's way, and all
    threads of a worker share one processor for it. So none of the values may need a conversion there.
    """

    def __init__(
        self, change: Any, *, along: Sequence[Any] = (), then: Sequence[Callable[[Any], Any]] = ()
    ) -> None:
        self._change = change
        self._along = along
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
        def execute(step: _Step, given: Mapping[str, Any]) -> Any:
            return connection.execute(step.statement, {name: given[name] for name in step.parameters})

        along, change, then = self._steps
        for step in along:
            execute(step, values)
        returned = execute(change, values).first()
        if returned is None:
            return None
        row = returned._asdict()
        for step in then:
            found = execute(step, {**values, **{_parameter(name): value for name, value in row.items()}})
            row |= zip(step.columns, found.first() or [None] * len(step.columns), strict=True)
        return self._row(**row)

    @cached_property
    def _row(self) -> Any:
        _, change, then = self._steps
        return NamedTuple("Row", [(name, Any) for step in (change, *then) for name in step.columns])

    @cached_property
    def _whole(self) -> tuple[bytes, dict[str, Any]]:
        """The one statement, as psycopg takes it, and the constants in it."""
        rows: Any = self._change.cte("changed")
        columns = dict(rows.c.items())
        for number, then in enumerate(self._then, 1):
            step = then(SimpleNamespace(**columns)).cte(f"then_{number}")
            columns |= step.c.items()
            rows = rows.outerjoin(step, true())
        along = [change.cte(f"along_{number}") for number, change in enumerate(self._along, 1)]
        whole: Select[Any] = select(*columns.values()).select_from(rows).add_cte(*along)
        compiled = whole.compile(dialect=db.engine.dialect)
        return str(compiled).encode(), dict(compiled.params)

    @cached_property
    def _steps(self) -> tuple[list[_Step], _Step, list[_Step]]:
        """The statements one by one; parameters stand for the columns that those before have returned."""
        change = _Step(self._change)
        columns = dict(change.columns)
        steps = []
        for then in self._then:
            parameters = {name: bindparam(_parameter(name), type_=type_) for name, type_ in columns.items()}
            steps.append(_Step(then(SimpleNamespace(**parameters))))
            columns |= steps[-1].columns
        return [_Step(each) for each in self._along], change, steps


def _parameter(column: str) -> str:
    return f"returned_{column}"
