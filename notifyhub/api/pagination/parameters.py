"""Fields that only queries have: days, several words of a list, search and order."""

import re
from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

from marshmallow import ValidationError, fields
from marshmallow.types import ErrorMessages

from notifyhub.api.fields import Worded
from notifyhub.text.moments import in_utc, parse

MAX_WORDS = 100

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_OFFSET = re.compile(r"\d{2}(?::?\d{2})?")


class Choices(Worded, fields.String):
    """One or more of some words, comma-separated."""

    def __init__(self, choices: Iterable[str], **options: Any) -> None:
        super().__init__(**options)
        self.choices = tuple(choices)
        some = "|".join(self.choices)
        self.metadata = {**self.metadata, "pattern": f"^({some})( *, *({some}))*$"}

    def _deserialize(self, value: str, *_: Any, **__: Any) -> tuple[str, ...]:  # type: ignore[override]
        words = [word.strip() for word in value.split(",")]
        for word in words:
            if word not in self.choices:
                raise ValidationError(f'"{word}" is not a valid choice.')
        return tuple(dict.fromkeys(words))


class Date(Worded, fields.Date):
    """A day, as YYYY-MM-DD."""

    default_error_messages: ErrorMessages = {"invalid": "Enter a valid date."}

    def _deserialize(self, value: str, *_: Any, **__: Any) -> date:
        try:
            if _DATE.fullmatch(value):
                return date.fromisoformat(value)
        except ValueError:
            pass
        raise self.make_error("invalid")


class DateOrMoment(Worded, fields.Field[Any]):
    """A day, as YYYY-MM-DD, or a moment with its zone."""

    default_error_messages: ErrorMessages = {"invalid": "Enter a valid date, or a moment with its zone."}

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        formats = [{"type": "string", "format": name} for name in ("date", "date-time")]
        self.metadata = {**self.metadata, "anyOf": formats}

    def _deserialize(self, value: str, *_: Any, **__: Any) -> date | datetime:
        text = value.strip()
        try:
            if _DATE.fullmatch(text):
                return date.fromisoformat(text)
            moment = parse(_with_plus(text))
            if moment.tzinfo is not None:
                return in_utc(moment)
        except (ValueError, OverflowError):
            pass
        raise self.make_error("invalid")


def _with_plus(moment: str) -> str:
    """Return a moment with the + of its offset, which has become a blank where it was not encoded."""
    time, _, offset = moment.rpartition(" ")
    return f"{time.rstrip()}+{offset}" if ":" in time and _OFFSET.fullmatch(offset) else moment


class Words(Worded, fields.String):
    """Words, split at white space, each once."""

    def _deserialize(self, value: str, *_: Any, **__: Any) -> list[str]:  # type: ignore[override]
        if "\0" in value:
            raise ValidationError("Null characters are not allowed.")
        words = list(dict.fromkeys(value.split()))
        if len(words) > MAX_WORDS:
            raise ValidationError(f"Ensure this value has no more than {MAX_WORDS} words.")
        return words


class Ordering(Worded, fields.String):
    """Names of fields, comma-separated, each with a `-` in front for descending."""

    def __init__(self, names: Iterable[str], **options: Any) -> None:
        super().__init__(**options)
        self.names = tuple(names)
        choices = "|".join(self.names)
        self.metadata = {**self.metadata, "pattern": f"^-?({choices})( *, *-?({choices}))*$"}

    def _serialize(self, value: Any, *_: Any, **__: Any) -> str:
        """Return the text that stands for an order, for the documentation of the default."""
        return ",".join(f"-{name}" if descending else name for name, descending in value)

    def _deserialize(self, value: str, *_: Any, **__: Any) -> tuple[tuple[str, bool], ...]:  # type: ignore[override]
        order: dict[str, bool] = {}
        for part in value.split(","):
            name = part.strip().removeprefix("-")
            if name not in self.names:
                raise ValidationError(f'"{part.strip()}" is not a valid choice.')
            order.setdefault(name, part.strip().startswith("-"))
        return tuple(order.items())
