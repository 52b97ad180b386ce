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
    verb, table = _changed(error)
    constraint = _by_name(error) or _by_columns(error) or _by_foreign_key(verb, table)
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


def _by_foreign_key(verb: str, table: str) -> Constraint | None:
    """Find the foreign key that refuses a deletion or a writing: SQLite doesn't tell which one it was."""
    wanted = "in_use" if verb == "DELETE" else "gone"
    for constraint in _constraints():
        if isinstance(constraint, ForeignKeyConstraint) and wanted in _info(constraint):
            ends = constraint.referred_table if verb == "DELETE" else constraint.table
            if ends.name == table:
                return constraint
    return None


def _parameters(error: IntegrityError) -> dict[str, Any]:
    return dict(error.params) if isinstance(error.params, dict) else {}
