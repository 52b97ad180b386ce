"""The answer to a violated constraint, which the constraint itself declares in its `info`.

`field` and `words`: the error of a field, where a row is written · `gone`: the object that the path names is
not there any more · `in_use`: the words of a refused deletion.

Which constraint it was, the databases tell differently:

    database     violated      tells              so the constraint is found by
    PostgreSQL   any           its name           the name
    SQLite       unique        table.column, …    the columns
    SQLite       foreign key   nothing            the refused statement: for a deletion the rows that still
                                                  refer to the deleted ones, else the table that it writes
"""

import re
from collections.abc import Iterator
from typing import Any

from marshmallow import ValidationError
from sqlalchemy import Constraint, ForeignKeyConstraint, Select, Table, UniqueConstraint, select
from sqlalchemy.exc import IntegrityError
from werkzeug.exceptions import Conflict, HTTPException, NotFound

from notifyhub.database.base import Base
from notifyhub.database.connections import autocommit

_STATEMENT = re.compile(r"(INSERT|UPDATE|DELETE)(?: INTO| FROM)? (\w+)")
_NOT_UNIQUE = re.compile(r"UNIQUE constraint failed: (.+)")


def answer(error: IntegrityError) -> ValidationError | HTTPException | None:
    """Return the answer to a violation, None if its constraint declares none."""
    statement = _STATEMENT.match(error.statement or "")
    verb, table = statement.groups() if statement else ("", "")
    if verb == "DELETE":
        info = _info(_named(error) or _refers_to_deleted(table, error.params))
        return Conflict(info["in_use"]) if "in_use" in info else None
    info = _info(_named(error) or _on_columns(error) or _parent_key(table))
    if "gone" in info:
        return NotFound()
    if "field" in info:
        values = error.params if isinstance(error.params, dict) else {}
        return ValidationError({info["field"]: [info["words"].format_map(values)]})
    return None


def _info(constraint: Constraint | None) -> dict[Any, Any]:
    """Return what a constraint declares; one that was written as a column's ForeignKey declares it there."""
    if constraint is None:
        return {}
    return constraint.elements[0].info if isinstance(constraint, ForeignKeyConstraint) else constraint.info


def _constraints() -> Iterator[Constraint]:
    for table in Base.metadata.tables.values():
        yield from table.constraints


def _foreign_keys(declared: str) -> Iterator[ForeignKeyConstraint]:
    """Give the foreign keys that declare something, such as `gone`."""
    for constraint in _constraints():
        if isinstance(constraint, ForeignKeyConstraint) and declared in _info(constraint):
            yield constraint


def _named(error: IntegrityError) -> Constraint | None:
    """Find the constraint that PostgreSQL names."""
    name = getattr(getattr(error.orig, "diag", None), "constraint_name", None)
    return next((constraint for constraint in _constraints() if name and constraint.name == name), None)


def _on_columns(error: IntegrityError) -> Constraint | None:
    """Find the unique constraint whose columns SQLite names."""
    match = _NOT_UNIQUE.fullmatch(str(error.orig))
    columns = set(match[1].split(", ")) if match else set()
    for constraint in _constraints():
        if isinstance(constraint, UniqueConstraint) and columns == {str(one) for one in constraint.columns}:
            return constraint
    return None


def _parent_key(table: str) -> Constraint | None:
    """Find the foreign key of a table to what the path names; a table has one at most."""
    return next((key for key in _foreign_keys("gone") if key.table.name == table), None)


def _refers_to_deleted(table: str, params: Any) -> Constraint | None:
    """Find the foreign key by which a row still refers to what was to be deleted from a table.

    The last such row may be gone meanwhile: then it is any key by which one can.
    """
    possible = None
    for key in _foreign_keys("in_use"):
        deleted = _deleted(key.referred_table, table, params)
        if deleted is None:
            continue
        (column,) = key.columns
        if autocommit().scalar(select(column).where(column.in_(deleted))) is not None:
            return key
        possible = possible or key
    return possible


def _deleted(referred: Table, table: str, params: Any) -> Select[Any] | None:
    """Select the ids of the rows that go with the one that is deleted: itself, or those that cascade."""
    if referred.name == table:
        return select(referred.c.id).where(referred.c.id == params[0])
    for key in referred.foreign_keys:
        if key.column.table.name == table and key.ondelete == "CASCADE":
            return select(referred.c.id).where(key.parent == params[0])
    return None
