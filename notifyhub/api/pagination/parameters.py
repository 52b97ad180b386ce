"""Fields of query parameters. They are stricter than a body's: a wrong value is refused, never ignored."""

import re
from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

from marshmallow import ValidationError, fields, validate

from notifyhub.api.fields import at_least
from notifyhub.text.moments import in_utc, parse

_BOUND = 2**63 - 1


class Parameter(fields.Field[Any]):
    """A parameter of a list; `described` goes into the documentation."""

    def __init__(self, described: str, **options: Any) -> None:
        super().__init__(metadata={"description": described}, **options)


class Number(Parameter, fields.Integer):
    """ASCII digits with an optional sign. A number beyond 64 bits becomes the nearest within."""

    def __init__(self, described: str, least: int | None = None, **options: Any) -> None:
        super().__init__(described, validate=[] if least is None else [at_least(least)], **options)

    def _deserialize(self, value: str, *_: Any, **__: Any) -> int:
        if not re.fullmatch(r"[+-]?[0-9]+", value):
            raise ValidationError("A valid integer is required.")
        sign = -1 if value.startswith("-") else 1
        digits = value.lstrip("+-").lstrip("0")
        return sign * min(int(digits or "0") if len(digits) < 20 else _BOUND, _BOUND)


class Day(Parameter, fields.Date):
    """A day, as YYYY-MM-DD."""

    def _deserialize(self, value: str, *_: Any, **__: Any) -> date:
        if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
            try:
                return date.fromisoformat(value)
            except ValueError:
                pass
        raise ValidationError("Enter a valid date.")


_OFFSET = re.compile(r"\d{2}(?::?\d{2})?")


def _with_plus(moment: str) -> str:
    """Return a moment with the + of its offset, which has become a blank where it was not encoded."""
    time, _, offset = moment.rpartition(" ")
    return f"{time.rstrip()}+{offset}" if ":" in time and _OFFSET.fullmatch(offset) else moment


class DayOrMoment(Parameter):
    """A day, as YYYY-MM-DD, or a moment with its zone."""

    def __init__(self, described: str, **options: Any) -> None:
        super().__init__(described, **options)
        formats = [{"type": "string", "format": name} for name in ("date", "date-time")]
        self.metadata = {**self.metadata, "anyOf": formats}

    def _deserialize(self, value: str, *_: Any, **__: Any) -> date | datetime:
        text = value.strip()
        try:
            if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
                return date.fromisoformat(text)
            moment = parse(_with_plus(text))
            if moment.tzinfo is not None:
                return in_utc(moment)
        except (ValueError, OverflowError):
            pass
        raise ValidationError("Enter a valid date, or a moment with its zone.")


class Flag(Parameter, fields.Boolean):
    """true, false, 1 or 0, in any case."""

    def _deserialize(self, value: str, *_: Any, **__: Any) -> bool:
        word = value.lower()
        if word not in {"true", "false", "1", "0"}:
            raise ValidationError("Must be a valid boolean.")
        return word in {"true", "1"}


class OneOf(Parameter, fields.String):
    """One of some words."""

    def __init__(self, described: str, choices: Iterable[str]) -> None:
        check = validate.OneOf(tuple(choices), error='"{input}" is not a valid choice.')
        super().__init__(described, validate=[check])


class Words(Parameter, fields.String):
    """Words, split at white space."""

    MOST = 100

    def _deserialize(self, value: str, *_: Any, **__: Any) -> list[str]:  # type: ignore[override]
        if "\0" in value:
            raise ValidationError("Null characters are not allowed.")
        words = list(dict.fromkeys(value.split()))
        if len(words) > self.MOST:
            raise ValidationError(f"Ensure this value has no more than {self.MOST} words.")
        return words


class Ordering(Parameter, fields.String):
    """Names of fields, comma-separated, each with a `-` in front for descending."""

    def __init__(self, described: str, names: Iterable[str]) -> None:
        super().__init__(described)
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


class Text(Parameter, fields.String):
    """A text, compared as it is."""

    def _deserialize(self, value: str, *_: Any, **__: Any) -> str:
        if "\0" in value:
            raise ValidationError("Null characters are not allowed.")
        return value


class SomeOf(Parameter, fields.String):
    """One or more of some words, comma-separated."""

    def __init__(self, described: str, choices: Iterable[str]) -> None:
        super().__init__(described)
        self.choices = tuple(choices)
        some = "|".join(self.choices)
        self.metadata = {**self.metadata, "pattern": f"^({some})( *, *({some}))*$"}

    def _deserialize(self, value: str, *_: Any, **__: Any) -> tuple[str, ...]:  # type: ignore[override]
        words = [word.strip() for word in value.split(",")]
        for word in words:
            if word not in self.choices:
                raise ValidationError(f'"{word}" is not a valid choice.')
        return tuple(dict.fromkeys(words))
