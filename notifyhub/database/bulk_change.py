"""Changes of many rows, each to its own values: one statement where the database can, else one for each row.

PostgreSQL joins the rows with arrays of values, and changes several tables in one statement, by common table
expressions; SQLite can't.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

from sqlalchemy import (
    ARRAY,
    BindParameter,
    ColumnElement,
    Connection,
    Select,
    String,
    Text,
    bindparam,
    column,
    func,
    literal_column,
    select,
)
from sqlalchemy.sql.visitors import replacement_traverse

from notifyhub.database.combined_statement import Step
from notifyhub.database.connections import driver_connection
from notifyhub.database.driver_statement import DriverStatement
from notifyhub.extensions import db

POSITION = "position"
"""The column that says which of the given values a row is of."""


class BulkChange:
    """A change of at most one row by the values given; `along` are changes of others by the same values.

    On PostgreSQL it is a `DriverStatement`, whose text is the same for any number of rows, but one: none of
    the values may need a conversion there.
    """

    def __init__(
        self, change: Any, *, returning: Sequence[ColumnElement[Any]], along: Sequence[Any] = ()
    ) -> None:
        self._change = change
        self._returning = returning
        self._along = along

    def all(self, connection: Connection, values: Sequence[Mapping[str, Any]]) -> list[Any]:
        """Change a row by each of the values; return the rows, None where there was none to change.

        To be called in a transaction. Raises OperationalError if the database can't be reached.
        """
        if connection.dialect.name == "postgresql":
            return self._all_at_once(values)
        return [self._change_one(connection, each) for each in values]

    def _all_at_once(self, values: Sequence[Mapping[str, Any]]) -> list[Any]:
        if len(values) == 1:
            statement, given = self._for_one, values[0]
        else:
            statement = self._for_many
            given = {
                name: _array([each[name] for each in values], type_) for name, type_ in self._types.items()
            }
        changed: list[Any] = [None] * len(values)
        with driver_connection() as driver:
            for position, *record in statement.execute(driver, given):
                changed[position - 1] = self._row._make(record)
        return changed

    def _change_one(self, connection: Connection, values: Mapping[str, Any]) -> Any:
        *along, change = self._steps
        for step in along:
            step.execute(connection, values)
        row = change.execute(connection, values).first()
        return row and self._row._make(row)

    @cached_property
    def _steps(self) -> list[Step]:
        return [Step(statement) for statement in (*self._along, self._change.returning(*self._returning))]

    @cached_property
    def _row(self) -> Any:
        return NamedTuple("Row", [(name, Any) for name in self._steps[-1].columns])

    @cached_property
    def _types(self) -> dict[str, Any]:
        """The types of the parameters."""
        types: dict[str, Any] = {}
        for step in self._steps:
            binds = step.statement.compile(dialect=db.engine.dialect).binds.values()
            types |= {bind.key: _plain(bind.type) for bind in binds if bind.required}
        return types

    @cached_property
    def _for_one(self) -> DriverStatement:
        """The statement without arrays: to make them would take as long as the rest."""
        parameters = (bindparam(name, type_=type_).label(name) for name, type_ in self._types.items())
        return self._of(select(*parameters, literal_column("1").label(POSITION)))

    @cached_property
    def _for_many(self) -> DriverStatement:
        arrays = [bindparam(name, type_=ARRAY(type_)) for name, type_ in self._types.items()]
        columns = [column(name, type_) for name, type_ in self._types.items()]
        rows = func.unnest(*arrays).table_valued(*columns, with_ordinality=POSITION)
        return self._of(select(rows.render_derived("arrays")))

    def _of(self, values: Select[Any]) -> DriverStatement:
        """Return the one statement for a query of values."""
        given = values.cte("given")

        def joined(statement: Any) -> Any:
            return replacement_traverse(statement, {}, given_column)

        def given_column(element: Any, **_: Any) -> Any:
            is_given = isinstance(element, BindParameter) and element.required
            return given.c[element.key] if is_given else None

        along = [joined(change).cte(f"along_{number}") for number, change in enumerate(self._along, 1)]
        changed = joined(self._change).returning(given.c[POSITION], *self._returning).cte("changed")
        return DriverStatement(select(*changed.c).add_cte(*along), given=self._types)


def _plain(type_: Any) -> Any:
    """Return the type of an array's items; a cast to a text of limited length would cut it off silently."""
    return Text() if isinstance(type_, String) else type_


def _array(values: list[Any], type_: Any) -> list[Any]:
    """Return an array as psycopg takes it: of plain texts, not mixed with members of enumerations."""
    if isinstance(type_, String):
        return [value if value is None else str(value) for value in values]
    return values
