"""Insert rows, or change those that are there: one statement, even if two do so at the same time."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Table
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
) -> Upsert:
    """Return the statement that inserts `values`, one row's or those of several, or makes `changes`.

    Changed is the row with the same `key`, which names the columns of a unique constraint.
    """
    insert = _INSERTS[connection.dialect.name](table).values(values)
    return insert.on_conflict_do_update(index_elements=key, set_=changes)
