"""Types of columns."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, cast

import orjson
from sqlalchemy import (
    ColumnElement,
    DateTime,
    Dialect,
    Double,
    String,
    Table,
    Text,
    TypeDecorator,
    type_coerce,
)
from sqlalchemy import cast as sql_cast

from notifyhub.database import encryption


class _NaiveUTC(TypeDecorator[datetime]):
    """SQLite keeps no time zones: what is stored is UTC, and comes back as such."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        return value if value is None else value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        return value if value is None else value.replace(tzinfo=UTC)


UTC_TIME = DateTime(timezone=True).with_variant(_NaiveUTC(), "sqlite")
"""A moment in UTC, to the microsecond. PostgreSQL's connections are set to UTC."""


MAX_EXACT_NUMBER = 2**53
"""Up to here a float holds every whole number."""


def number(value: float) -> int | float:
    """Return a number, a whole one as an integer, as it is written in JSON."""
    return int(value) if value.is_integer() and abs(value) < MAX_EXACT_NUMBER else value


class _Number(TypeDecorator[float]):
    """A number comes back whole if it is."""

    impl = Double
    cache_ok = True

    def process_result_value(self, value: float | None, _dialect: Dialect) -> float | None:
        return None if value is None else number(value)


NUMBER = _Number()
"""A number, with a fraction or without."""


def text(length: int | None = None) -> String:
    """Return a type of text that is ordered by code point on both databases."""
    plain = String(length) if length else Text()
    return plain.with_variant(String(length, collation="C") if length else Text(collation="C"), "postgresql")


def place(column: str, row: int | str) -> str:
    """Return what a secret says of where it belongs; `column` is as `table.column`."""
    return f"{column}:{row}"


class SecretText(str):
    """A text that is to be encrypted, and the id of the row that it belongs to."""

    __slots__ = ("row",)
    row: int


class SecretObject(dict[str, Any]):
    """An object that is to be encrypted, and the id of the row that it belongs to."""

    row: int


class Encrypted(TypeDecorator[Any]):
    """What is encrypted where it is stored, for its row and column, `table.column`.

    It is selected with its row's id in front, by which it is read. What is to be stored has to know its row:
    see `notifyhub.database.confidential`.
    """

    impl = Text
    cache_ok = True
    secret: Callable[[Any], SecretText | SecretObject]

    def __init__(self, column: str) -> None:
        super().__init__()
        self.column = column

    def column_expression(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        row = cast("Table", column.table).c.id
        return type_coerce(sql_cast(row, Text).concat(":").concat(type_coerce(column, Text)), self)

    def belonging(self, value: Any, row: int) -> Any:
        """Return a value that knows its row."""
        if value is None:
            return None
        placed = self.secret(value)
        placed.row = row
        return placed

    def _encrypt(self, plain: bytes, value: SecretText | SecretObject) -> str:
        return encryption.encrypt(plain, place(self.column, value.row))

    def _decrypt(self, selected: str) -> bytes:
        row, _, stored = selected.partition(":")
        return encryption.decrypt(stored, place(self.column, row))


class EncryptedText(Encrypted):
    """A text that is encrypted where it is stored."""

    cache_ok = True
    secret = SecretText

    def process_bind_param(self, value: SecretText | None, _dialect: Dialect) -> str | None:
        return value if value is None else self._encrypt(value.encode(), value)

    def process_result_value(self, value: str | None, _dialect: Dialect) -> str | None:
        return value if value is None else self._decrypt(value).decode()


class EncryptedObject(Encrypted):
    """A JSON object that is encrypted where it is stored; an empty one is NULL, so that SQL can tell."""

    cache_ok = True
    secret = SecretObject

    def process_bind_param(self, value: SecretObject | None, _dialect: Dialect) -> str | None:
        return self._encrypt(orjson.dumps(value), value) if value else None

    def process_result_value(self, value: str | None, _dialect: Dialect) -> dict[str, Any]:
        return {} if value is None else orjson.loads(self._decrypt(value))

    def compare_values(self, x: Any, y: Any) -> bool:
        """Return whether two objects are the same JSON: to Python, 1 and true would be equal."""
        return orjson.dumps(x, option=orjson.OPT_SORT_KEYS) == orjson.dumps(y, option=orjson.OPT_SORT_KEYS)
