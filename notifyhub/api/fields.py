"""Fields of schemas: what Django REST framework's serializer fields take and refuse, in its words.

Bodies and queries share them. A `strict` one is for queries: it takes one spelling of each value alone, as a
parameter is text anyway.
"""

import re
from collections.abc import Callable, Iterable
from datetime import datetime
from reprlib import Repr
from typing import Any

from marshmallow import Schema, fields, validate
from marshmallow.exceptions import ValidationError
from marshmallow.types import ErrorMessages

from notifyhub.api.http.json import timestamp
from notifyhub.text.lines import is_line
from notifyhub.text.moments import in_utc, parse

MAX_LENGTH = 255
"""Characters of a line, if its field says no other number."""
MAX_TEXT = 10_000
"""Characters of a longer text."""
MAX_INTEGER = 2**63 - 1
"""The greatest number that a database column holds; the least is one below its negative."""

NON_FIELD = "non_field_errors"

_INTEGER = re.compile(r"\s*([+-]?[0-9]+)(?:\.0*)?\s*")
_STRICT_INTEGER = re.compile(r"([+-]?)0*([0-9]+)")
_MAX_NUMBER_LENGTH = 1000  # characters, blanks included
_briefly = Repr()


class Worded:
    """The words that all fields share."""

    default_error_messages: ErrorMessages = {
        "required": "This field is required.",
        "null": "This field may not be null.",
    }


def described(words: str, *examples: Any, **keywords: Any) -> dict[str, Any]:
    """Return what documents a field: its meaning, examples of its values, further keywords of JSON Schema."""
    return {"description": words, **({"examples": list(examples)} if examples else {}), **keywords}


def at_least(least: int) -> validate.Range:
    """Return the check that a number is not below `least`."""
    return validate.Range(min=least, error="Ensure this value is greater than or equal to {min}.")


def at_most(most: int) -> validate.Range:
    """Return the check that a number is not above `most`."""
    return validate.Range(max=most, error="Ensure this value is less than or equal to {max}.")


def at_most_long(most: int) -> validate.Length:
    """Return the check that a text has at most so many characters."""
    return validate.Length(max=most, error="Ensure this field has no more than {max} characters.")


class String(Worded, fields.String):
    """A text; a JSON number is taken as its text. It is trimmed, and blanks only are blank.

    A strict one is any text as it is, without null characters, which JSON's reader refuses in bodies.
    """

    default_error_messages: ErrorMessages = {
        "invalid": "Not a valid string.",
        "blank": "This field may not be blank.",
        "null_characters": "Null characters are not allowed.",
    }

    def __init__(
        self,
        *,
        max_length: int = MAX_LENGTH,
        blank: bool = False,
        trim: bool = True,
        strict: bool = False,
        **options: Any,
    ) -> None:
        self.at_most_long = at_most_long(max_length)
        # Among the validators, too, for the documentation.
        checks = [] if strict else [self.at_most_long]
        super().__init__(validate=[*checks, *options.pop("validate", ())], **options)
        self.blank = blank
        self.trim = trim
        self.strict = strict
        if not blank and not strict:
            self.metadata = {**self.metadata, "minLength": 1}

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> str:
        if self.strict:
            if "\0" in value:
                raise self.make_error("null_characters")
            return str(value)
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise self.make_error("invalid")
        text = str(value)
        trimmed = text.strip()
        if not trimmed and not self.blank:
            raise self.make_error("blank")
        result = trimmed if self.trim else text
        self.at_most_long(result)  # a text that is too long is not looked into
        return result


class URL(String):
    """A URL, which may hold secrets in its query: what is told of its changes is masked."""


class SingleLine(String):
    """A text of one line. In a mail a line end, even around it, would begin another header."""

    default_error_messages: ErrorMessages = {"line": "Line ends and control characters are not allowed."}

    def _deserialize(self, value: Any, *args: Any, **options: Any) -> str:
        text = super()._deserialize(value, *args, **options)
        if isinstance(value, str) and not is_line(value):
            raise self.make_error("line")
        return text


class Integer(Worded, fields.Integer):
    """A whole number; its text is taken too, as is a float without a fraction.

    A strict one is ASCII digits with an optional sign; a number beyond 64 bits becomes the nearest within.
    """

    default_error_messages: ErrorMessages = {"invalid": "A valid integer is required."}

    def __init__(
        self, least: int | None = None, most: int | None = None, *, strict: bool = False, **options: Any
    ) -> None:
        checks = [at_least(least)] if least is not None else []
        checks += [at_most(most)] if most is not None else []
        super().__init__(validate=checks, **options)
        self.strict = strict

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> int:
        if self.strict:
            return self._clamped(value)
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise self.make_error("invalid")
        text = str(value)
        match = _INTEGER.fullmatch(text) if len(text) <= _MAX_NUMBER_LENGTH else None
        if not match:
            raise self.make_error("invalid")
        return int(match[1])

    def _clamped(self, text: str) -> int:
        match = _STRICT_INTEGER.fullmatch(text)
        if not match:
            raise self.make_error("invalid")
        # Long numbers are not converted: that takes time that grows with the square of their length.
        number = min(int(match[2]), MAX_INTEGER) if len(match[2]) < 20 else MAX_INTEGER
        return -number if match[1] == "-" else number


class Boolean(Worded, fields.Boolean):
    """True or false, or what a form would send for them; a strict one is true, false, 1 or 0, in any case."""

    default_error_messages: ErrorMessages = {"invalid": "Must be a valid boolean."}

    def __init__(self, *, strict: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self.strict = strict

    def _deserialize(self, value: Any, *args: Any, **options: Any) -> bool:
        if not self.strict:
            return bool(super()._deserialize(value, *args, **options))
        word = value.lower()
        if word not in {"true", "false", "1", "0"}:
            raise self.make_error("invalid")
        return word in {"true", "1"}


class Choice(Worded, fields.Field[str]):
    """One of some texts."""

    def __init__(self, choices: Iterable[str], **options: Any) -> None:
        one_of = validate.OneOf(tuple(choices), error='"{input}" is not a valid choice.')
        super().__init__(validate=[one_of], **options)

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> Any:
        # A whole body may stand here: it is not written out to be quoted.
        return value if isinstance(value, str) else _briefly.repr(value)


class Object(Worded, fields.Dict):
    """A JSON object whose keys are not known here.

    For the documentation `shapes` gives what it may be if it is not empty; `common` holds for all of them.
    """

    def __init__(
        self,
        *,
        shapes: Callable[[], Iterable[Schema]] = tuple,
        common: Schema | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.shapes = shapes
        self.common = common

    def _deserialize(self, value: Any, *args: Any, **options: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            kind = type(value).__name__
            raise ValidationError(f'Expected a dictionary of items but got type "{kind}".')
        return dict(super()._deserialize(value, *args, **options))  # type: ignore[no-untyped-call]


class Timestamp(fields.DateTime):
    """A moment that the service sets."""

    def __init__(self, **options: Any) -> None:
        super().__init__(dump_only=True, **options)

    def _serialize(self, value: datetime | None, *_: Any, **__: Any) -> str | None:
        return None if value is None else timestamp(value)


class Moment(Worded, fields.Field[datetime]):
    """A moment that the client gives, in ISO 8601; without a zone it is UTC, as to Django REST framework."""

    default_error_messages: ErrorMessages = {
        "invalid": "Datetime has wrong format. Use one of these formats instead: "
        "YYYY-MM-DDThh:mm[:ss[.uuuuuu]][+HH:MM|-HH:MM|Z].",
    }

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> datetime:
        if not isinstance(value, str):
            raise self.make_error("invalid")
        try:
            return in_utc(parse(value.strip()))
        except (ValueError, OverflowError):
            raise self.make_error("invalid") from None


class List(Worded, fields.List[Any]):
    """From `least` to `most` values of one kind. Errors go by place, from 0."""

    default_error_messages: ErrorMessages = {"invalid": 'Expected a list of items but got type "{kind}".'}

    def __init__(self, inner: fields.Field[Any], *, most: int, least: int = 0, **options: Any) -> None:
        checks = [
            validate.Length(min=least, error="Ensure this field has at least {min} elements."),
            validate.Length(max=most, error="Ensure this field has no more than {max} elements."),
        ]
        super().__init__(inner, validate=checks, **options)

    def _deserialize(self, value: Any, *args: Any, **options: Any) -> Any:
        if not isinstance(value, list):
            raise self.make_error("invalid", kind=type(value).__name__)
        self._validate(value)  # a list that is too long is not looked into
        return super()._deserialize(value, *args, **options)


class Nested(Worded, fields.Nested):
    """An object whose keys are known."""

    def _deserialize(self, value: Any, *args: Any, **options: Any) -> Any:
        if not isinstance(value, dict):
            kind = type(value).__name__
            raise ValidationError({NON_FIELD: [f"Invalid data. Expected a dictionary, but got {kind}."]})
        return super()._deserialize(value, *args, **options)


class Id(Worded, fields.Integer):
    """The id of another object, there or not. An empty text, a form's word for none, counts as null."""

    default_error_messages: ErrorMessages = {
        "incorrect_type": "Incorrect type. Expected pk value, received {kind}.",
        "does_not_exist": 'Invalid pk "{pk}" - object does not exist.',
    }

    def deserialize(self, value: Any, *args: Any, **options: Any) -> Any:
        return super().deserialize(None if value == "" else value, *args, **options)

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> int:
        is_pk = isinstance(value, str | int) and not isinstance(value, bool)
        match = re.fullmatch(r"[+-]?[0-9]+", str(value)) if is_pk else None
        if not match:
            raise self.make_error("incorrect_type", kind=type(value).__name__)
        number = int(value) if len(match[0]) < 20 else 0
        if not 0 < number <= MAX_INTEGER:
            raise self.make_error("does_not_exist", pk=match[0][:40])
        return number
