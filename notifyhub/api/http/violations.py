"""The answer to a violated constraint, which the constraint itself declares in its `info`.

`field` and `words`: the error of a field, where a row is written · `gone`: the object that the path names is
not there any more · `in_use`: the words of a refused deletion.
"""

import re
from typing import Any

from marshmallow import ValidationError
from sqlalchemy import Constraint, ForeignKeyConstraint, Select, Table, UniqueConstraint, select
from sqlalchemy.exc import IntegrityError
from werkzeug.exceptions import Conflict, HTTPException, NotFound

from notifyhub.database.base import Base
from notifyhub.database.connections import autocommit


def answer(error: IntegrityError) -> ValidationError | HTTPException | None:
    """Return the answer to a violation, None if its constraint declares none."""
    verb, table = _changed(error)
    constraint = _by_name(error) or _by_columns(error)
    if constraint is None:
        constraint = _in_use(table, error.params) if verb == "DELETE" else _gone(table)
    info = {} if constraint is None else _info(constraint)
    if verb == "DELETE":
        return Conflict(info["in_use"]) if "in_use" in info else None
    if info.get("gone"):
        return NotFound()
    if "field" in info:
        return ValidationError({info["field"]: [info["words"].format_map(_parameters(error))]})
    return None


def _changed(error: IntegrityError) -> tuple[str, str]:
    """Return the verb and the table of the statement that was refused."""
    match = re.match(r"(INSERT|UPDATE|DELETE)(?: INTO| FROM)? (\w+)", error.statement or "")
    return (match[1], match[2]) if match else ("", "")


def _info(constraint: Constraint) -> dict[Any, Any]:
    """Return what a constraint declares; one that was written as a column's ForeignKey declares it there."""
    return constraint.elements[0].info if isinstance(constraint, ForeignKeyConstraint) else constraint.info


def _constraints() -> list[Constraint]:
    return [constraint for table in Base.metadata.tables.values() for constraint in table.constraints]


def _by_name(error: IntegrityError) -> Constraint | None:
    name = getattr(getattr(error.orig, "diag", None), "constraint_name", None)
    return next((constraint for constraint in _constraints() if name and constraint.name == name), None)


def _by_columns(error: IntegrityError) -> Constraint | None:
    """Find a unique constraint by its columns: SQLite tells `UNIQUE constraint failed: table.column, …`."""
    match = re.fullmatch(r"UNIQUE constraint failed: (.+)", str(error.orig))
    named = set(match[1].split(", ")) if match else set()
    for constraint in _constraints():
        if (
            isinstance(constraint, UniqueConstraint)
            and {str(column) for column in constraint.columns} == named
        ):
            return constraint
    return None


def _gone(table: str) -> Constraint | None:
    """Find the foreign key that refuses a writing: SQLite doesn't tell which one it was."""
    return next((key for key in _foreign_keys("gone") if key.table.name == table), None)


def _in_use(table: str, params: Any) -> Constraint | None:
    """Find the foreign key that refuses a deletion, which SQLite doesn't tell either, by what refers.

    That may have ceased to meanwhile: then it is any that can.
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


def _foreign_keys(wanted: str) -> list[ForeignKeyConstraint]:
    """Return the foreign keys that declare something."""
    keys = [key for key in _constraints() if isinstance(key, ForeignKeyConstraint)]
    return [key for key in keys if wanted in _info(key)]


def _parameters(error: IntegrityError) -> dict[str, Any]:
    return dict(error.params) if isinstance(error.params, dict) else {}
