"""Types of columns."""

from datetime import UTC, datetime
from typing import Any

import orjson
from sqlalchemy import DateTime, Dialect, String, Text, TypeDecorator

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


def text(length: int | None = None) -> String:
    """Return a type of text that is ordered by code point on both databases."""
    plain = String(length) if length else Text()
    return plain.with_variant(String(length, collation="C") if length else Text(collation="C"), "postgresql")


class EncryptedText(TypeDecorator[str]):
    """A text that is encrypted where it is stored."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, _dialect: Dialect) -> str | None:
        return value if value is None else encryption.encrypt(value.encode())

    def process_result_value(self, value: str | None, _dialect: Dialect) -> str | None:
        return value if value is None else encryption.decrypt(value).decode()


class EncryptedObject(TypeDecorator[dict[str, Any]]):
    """A JSON object that is encrypted where it is stored; an empty one is NULL, so that SQL can tell."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: dict[str, Any] | None, _dialect: Dialect) -> str | None:
        return encryption.encrypt(orjson.dumps(value)) if value else None

    def process_result_value(self, value: str | None, _dialect: Dialect) -> dict[str, Any]:
        return {} if value is None else orjson.loads(encryption.decrypt(value))

    def compare_values(self, x: Any, y: Any) -> bool:
        """Tell whether two objects are the same JSON: to Python, 1 and true would be equal."""
        return orjson.dumps(x, option=orjson.OPT_SORT_KEYS) == orjson.dumps(y, option=orjson.OPT_SORT_KEYS)


ENCRYPTED = (EncryptedText, EncryptedObject)
