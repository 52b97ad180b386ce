"""Insert a row, or change the one that is there: one statement, even if two do so at the same time."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Table, literal_column
from sqlalchemy.dialects import postgresql, sqlite

Upsert = postgresql.Insert | sqlite.Insert

_INSERTS: dict[str, Callable[[Table], Upsert]] = {"postgresql": postgresql.insert, "sqlite": sqlite.insert}


def upsert(
    connection: Connection,
    table: Table,
    values: Mapping[str, Any] | Sequence[Mapping[str, Any]],
    *,
    key: list[str],
    changes: Mapping[str, Any],
    where: ColumnElement[bool] | None = None,
) -> Upsert:
    """Return the statement that inserts `values`, or makes `changes` to the row with the same `key`.

    `key` names the columns of a unique constraint. There may be several rows, with different keys; in
    `changes`, `inserted` stands for what would have been inserted. A row that is there and does not meet
    `where` is left as it is.
    """
    insert = _INSERTS[connection.dialect.name](table).values(values)
    return insert.on_conflict_do_update(index_elements=key, set_=changes, where=where)


def insert_if_absent(
    connection: Connection, table: Table, values: Mapping[str, Any], *, key: list[str]
) -> Upsert:
    """Return the statement that inserts `values`, unless a row with the same `key` is there."""
    insert = _INSERTS[connection.dialect.name](table).values(values)
    return insert.on_conflict_do_nothing(index_elements=key)


def inserted(column: Column[Any]) -> ColumnElement[Any]:
    """Return what an upsert would have inserted into a column, if the row were not there."""
    return literal_column(f"excluded.{column.name}", column.type)
