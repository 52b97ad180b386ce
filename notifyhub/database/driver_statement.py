"""Statements that psycopg runs itself, which takes half the time of SQLAlchemy's way."""

import re
from collections.abc import Collection, Mapping
from typing import Any

import psycopg

from notifyhub.extensions import db

_PLACEHOLDER = re.compile(r"%\((\w+)\)s|%%")


class DriverStatement:
    """A statement with PostgreSQL's own placeholders: others psycopg looks for anew in each long text.

    `text` is SQLAlchemy's, `constants` are the values that stand in it, but for those of parameters that are
    `given` each time. None of the values may need a conversion.
    """

    def __init__(self, statement: Any, given: Collection[str] = ()) -> None:
        compiled = statement.compile(dialect=db.engine.dialect)
        self.constants = {name: value for name, value in compiled.params.items() if name not in given}
        places: dict[str, int] = {}

        def placeholder(match: re.Match[str]) -> str:
            name = match[1]
            return "%" if name is None else f"${places.setdefault(name, len(places) + 1)}"

        self.text = str(compiled)
        self._encoded = _PLACEHOLDER.sub(placeholder, self.text).encode()
        self._names = list(places)

    def execute(
        self, driver: psycopg.Connection, values: Mapping[str, Any], *, binary: bool = False
    ) -> psycopg.RawCursor[Any]:
        """Execute the statement; return the cursor, which gives the rows."""
        given = {**self.constants, **values}
        cursor = psycopg.RawCursor(driver)
        return cursor.execute(self._encoded, [given[name] for name in self._names], binary=binary)
