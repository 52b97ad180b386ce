"""The answer to a violated constraint, which the constraint itself declares in its `info`.

`field` and `words`: the error of a field, where a row is written · `gone`: the object that the path names is
not there any more · `in_use`: the words of a refused deletion.
"""

import re
from typing import Any

from marshmallow import ValidationError
from sqlalchemy import Constraint, ForeignKeyConstraint, UniqueConstraint
from sqlalchemy.exc import IntegrityError
from werkzeug.exceptions import Conflict, HTTPException, NotFound

from notifyhub.database.base import Base


def answer(error: IntegrityError) -> ValidationError | HTTPException | None:
    """Return the answer to a violation, None if its constraint declares none."""
    deleting = re.match(r"DELETE FROM (\w+)", error.statement or "")
    constraint = _by_name(error) or _by_columns(error) or (deleting and _referring_to(deleting[1]))
    if not constraint:
        return None
    info = _info(constraint)
    if deleting:
        return Conflict(info["in_use"]) if "in_use" in info else None
    if info.get("gone"):
        return NotFound()
    if "field" in info:
        return ValidationError({info["field"]: [info["words"].format_map(_parameters(error))]})
    return None


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


def _referring_to(table: str) -> Constraint | None:
    """Find what refuses the deletion of a table's row: SQLite doesn't tell which foreign key it was."""
    for constraint in _constraints():
        if (
            isinstance(constraint, ForeignKeyConstraint)
            and constraint.referred_table.name == table
            and "in_use" in _info(constraint)
        ):
            return constraint
    return None


def _parameters(error: IntegrityError) -> dict[str, Any]:
    return dict(error.params) if isinstance(error.params, dict) else {}
