"""Changes of rows, and what is done with each of them: one statement where the database can, else several.

PostgreSQL changes several tables in one statement, by common table expressions; SQLite can't.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from types import SimpleNamespace
from typing import Any, NamedTuple

from sqlalchemy import ARRAY, Column, Connection, CursorResult, Select, any_, bindparam, select

from notifyhub.database.connections import driver_connection, is_postgresql, transaction
from notifyhub.database.driver_statement import DriverStatement

KEYS = "keys"
"""The parameter that names the rows: one on SQLite, an array on PostgreSQL."""


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
    """A change of the rows that `key` names, and what is done with each of those that were changed.

    `change` returns `key` and more. Each of `then` is given the columns returned so far, as attributes, and
    returns the query or insertion that is made of them, whose first column is the row's key; what that
    returns is added to the row.

    On PostgreSQL it is a `DriverStatement`, as all threads of a worker share one processor: none of the
    values may need a conversion there.
    """

    def __init__(self, key: Column[Any], change: Any, *, then: Sequence[Callable[[Any], Any]] = ()) -> None:
        self._key = key
        self._change = change
        self._then = then

    def all(self, keys: Sequence[Any], values: Mapping[str, Any]) -> list[Any]:
        """Return the rows, by names, that were there to be changed; what `then` did not return is null.

        They are changed in a transaction of their own: on PostgreSQL the statement is one. Raises
        OperationalError if the database can't be reached.
        """
        if is_postgresql():
            return self._all_at_once(keys, values)
        with transaction() as connection:
            rows = [self._by_steps(connection, {**values, KEYS: key}) for key in keys]
        return [row for row in rows if row is not None]

    def _all_at_once(self, keys: Sequence[Any], values: Mapping[str, Any]) -> list[Any]:
        with driver_connection() as driver:
            records = self._whole.execute(driver, {**values, KEYS: list(keys)}).fetchall()
        return list(map(self._row._make, records))

    def _by_steps(self, connection: Connection, values: Mapping[str, Any]) -> Any:
        change, *then = self._steps
        returned = change.execute(connection, values).first()
        if returned is None:
            return None
        row = returned._asdict()
        for step in then:
            returned_so_far = {_parameter(name): value for name, value in row.items()}
            found = step.execute(connection, {**values, **returned_so_far}).first()
            added = list(step.columns)[1:]
            row |= zip(added, found[1:] if found else [None] * len(added), strict=True)
        return self._row(**row)

    @cached_property
    def _row(self) -> Any:
        change, *then = self._steps
        columns = [*change.columns, *(name for step in then for name in list(step.columns)[1:])]
        return NamedTuple("Row", [(name, Any) for name in columns])

    @cached_property
    def _whole(self) -> DriverStatement:
        """The one statement."""
        named = self._key == any_(bindparam(KEYS, type_=ARRAY(self._key.type)))
        rows = self._change.where(named).cte("changed")
        for number, then in enumerate(self._then, 1):
            step = then(rows.c)
            if isinstance(step, Select):  # of one row for each: it can have the other columns with it
                others = [column for column in rows.c if column.name != self._key.name]
                rows = step.add_columns(*others).cte(f"rows_{number}")
                continue
            made = step.cte(f"made_{number}")
            key, *added = made.c
            joined = rows.outerjoin(made, key == rows.c[self._key.name])
            rows = select(*rows.c, *added).select_from(joined).cte(f"rows_{number}")
        wanted = [rows.c[name] for name in self._row._fields]
        return DriverStatement(select(*wanted), given=[KEYS])

    @cached_property
    def _steps(self) -> list[Step]:
        """The statements one by one; parameters stand for the columns that those before have returned."""
        named = self._key == bindparam(KEYS, type_=self._key.type)
        steps = [Step(self._change.where(named))]
        columns = dict(steps[0].columns)
        for then in self._then:
            parameters = {
                name: bindparam(_parameter(name), type_=type_).label(name) for name, type_ in columns.items()
            }
            steps.append(Step(then(SimpleNamespace(**parameters))))
            columns |= list(steps[-1].columns.items())[1:]
        return steps


def _parameter(column: str) -> str:
    return f"returned_{column}"
