"""Rows with secrets. A secret is encrypted for its row, whose id therefore has to be known before."""

from typing import Any, cast

from sqlalchemy import Column, Connection, event, func, select, text
from sqlalchemy.orm import Mapper, attributes

from notifyhub.database.base import Base, Timestamped, table_of
from notifyhub.database.columns import Encrypted
from notifyhub.database.commands import CommandError

_COUNT_UP = text("UPDATE sqlite_sequence SET seq = seq + 1 WHERE name = :name RETURNING seq")
_BEGIN_COUNTING = text(
    "INSERT INTO sqlite_sequence (name, seq) SELECT :name, 0 "
    "WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = :name)"
)


class KeysDoNotFit(CommandError):
    """None of the application's keys can read a stored secret."""

    def __init__(self, table: str, row: int) -> None:
        super().__init__(f"None of the keys fits {table} {row}: nothing was changed.")


class Confidential(Timestamped):
    """A row with encrypted columns."""

    __abstract__ = True


def encrypted_columns() -> list[Column[Any]]:
    """Return all columns that are encrypted."""
    return [
        column
        for table in Base.metadata.sorted_tables
        for column in table.columns
        if isinstance(column.type, Encrypted)
    ]


def with_id(connection: Connection, model: type[Confidential], values: dict[str, Any]) -> dict[str, Any]:
    """Return the values of a new row, its id among them."""
    return placed(model, {**values, "id": _next_id(connection, table_of(model).name)})


def placed(model: type[Confidential], values: dict[str, Any]) -> dict[str, Any]:
    """Return the values of a row with an id, with its id in its secrets."""
    columns = table_of(model).c
    return {
        name: kind.belonging(value, values["id"])
        if isinstance(kind := columns[name].type, Encrypted)
        else value
        for name, value in values.items()
    }


def _next_id(connection: Connection, table: str) -> int:
    """Return an id that no row of the table has had or will have, unless it is this one."""
    if connection.dialect.name == "postgresql":
        sequence = func.pg_get_serial_sequence(table, "id")
        return cast("int", connection.scalar(select(func.nextval(sequence))))
    while (found := connection.scalar(_COUNT_UP, {"name": table})) is None:  # of a table that had no row
        connection.execute(_BEGIN_COUNTING, {"name": table})
    return cast("int", found)


@event.listens_for(Confidential, "before_insert", propagate=True)
def _number(mapper: Mapper[Any], connection: Connection, row: Confidential) -> None:
    if vars(row).get("id") is None:
        row.id = _next_id(connection, table_of(type(row)).name)
    _place(mapper, connection, row)


@event.listens_for(Confidential, "before_update", propagate=True)
def _place(_mapper: Mapper[Any], _connection: Connection, row: Confidential) -> None:
    """Put the row that they belong to into the secrets that have changed."""
    for column in table_of(type(row)).columns:
        if isinstance(column.type, Encrypted) and attributes.get_history(row, column.key).has_changes():
            setattr(row, column.key, column.type.belonging(getattr(row, column.key), row.id))
