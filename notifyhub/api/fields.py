"""Fields of schemas: what Django REST framework's serializer fields take and refuse, in its words."""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from reprlib import Repr
from typing import Any

from marshmallow import Schema, fields, validate
from marshmallow.exceptions import ValidationError
from marshmallow.types import ErrorMessages
from sqlalchemy import select

from notifyhub.api.http.json import timestamp
from notifyhub.database.base import Identified
from notifyhub.extensions import db
from notifyhub.text.moments import in_utc, parse

MAX_LENGTH = 255
MAX_TEXT = 10_000

NON_FIELD = "non_field_errors"

_INTEGER = re.compile(r"\s*([+-]?[0-9]+)(?:\.0*)?\s*")
_LONGEST_NUMBER = 1000  # characters, blanks included
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
    """A text; a JSON number is taken as its text. It is trimmed, and blanks only are blank."""

    default_error_messages: ErrorMessages = {
        "invalid": "Not a valid string.",
        "blank": "This field may not be blank.",
    }

    def __init__(
        self, *, max_length: int = MAX_LENGTH, blank: bool = False, trim: bool = True, **options: Any
    ) -> None:
        self.at_most_long = at_most_long(max_length)  # among the validators, for the documentation
        super().__init__(validate=[self.at_most_long, *options.pop("validate", ())], **options)
        self.blank = blank
        self.trim = trim
        if not blank:
            self.metadata = {**self.metadata, "minLength": 1}

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> str:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise self.make_error("invalid")
        text = str(value)
        trimmed = text.strip()
        if not trimmed and not self.blank:
            raise self.make_error("blank")
        taken = trimmed if self.trim else text
        self.at_most_long(taken)  # a text that is too long is not looked into
        return taken


class Integer(Worded, fields.Integer):
    """A whole number; its text is taken too, as is a float without a fraction."""

    default_error_messages: ErrorMessages = {"invalid": "A valid integer is required."}

    def __init__(self, least: int | None = None, most: int | None = None, **options: Any) -> None:
        checks = [at_least(least)] if least is not None else []
        checks += [at_most(most)] if most is not None else []
        super().__init__(validate=checks, **options)

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise self.make_error("invalid")
        text = str(value)
        match = _INTEGER.fullmatch(text) if len(text) <= _LONGEST_NUMBER else None
        if not match:
            raise self.make_error("invalid")
        return int(match[1])


class Boolean(Worded, fields.Boolean):
    """True or false, or what a form would send for them."""

    default_error_messages: ErrorMessages = {"invalid": "Must be a valid boolean."}


class Choice(Worded, fields.Field[str]):
    """One of some texts."""

    def __init__(self, choices: Iterable[str], **options: Any) -> None:
        one_of = validate.OneOf(tuple(choices), error='"{input}" is not a valid choice.')
        super().__init__(validate=[one_of], **options)

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> Any:
        # A whole body may stand here: it is not written out to be quoted.
        return value if isinstance(value, str) else _briefly.repr(value)


class Object(Worded, fields.Dict):
    """A JSON object whose keys are not known here; `shapes` gives what it may be if it is not empty."""

    def __init__(self, *, shapes: Callable[[], Iterable[Schema]] = tuple, **options: Any) -> None:
        super().__init__(**options)
        self.shapes = shapes

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
        if not 0 < number < 2**63:
            raise self.make_error("does_not_exist", pk=match[0][:40])
        return number


class Reference(Id):
    """The id of another object, which must exist."""

    def __init__(self, model: type, **options: Any) -> None:
        super().__init__(**options)
        self.model = model

    def _deserialize(self, value: Any, *args: Any, **options: Any) -> int:
        number = super()._deserialize(value, *args, **options)
        if db.session.get(self.model, number) is None:
            raise self.make_error("does_not_exist", pk=number)
        return number


class References(List):
    """Ids of other objects in an order, each of them once; the objects must exist."""

    default_error_messages: ErrorMessages = {"duplicate": "{pk} stands in this list already."}

    def __init__(
        self, model: type[Identified], *, most: int, metadata: Mapping[str, Any], **options: Any
    ) -> None:
        super().__init__(Id(), most=most, metadata={**metadata, "uniqueItems": True}, **options)
        self.model = model

    def _deserialize(self, value: Any, *args: Any, **options: Any) -> Any:
        numbers: list[int] = super()._deserialize(value, *args, **options)
        there = set(db.session.scalars(select(self.model.id).where(self.model.id.in_(numbers))))
        errors: dict[int, Any] = {}
        for place, number in enumerate(numbers):
            if number not in there:
                errors[place] = self.inner.make_error("does_not_exist", pk=str(value[place])[:40]).messages
            elif number in numbers[:place]:
                errors[place] = self.make_error("duplicate", pk=number).messages
        if errors:
            raise ValidationError(errors)
        return numbers
