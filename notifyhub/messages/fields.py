"""Fields of what a client sends."""

import binascii
import re
from base64 import b64decode
from collections.abc import Mapping
from typing import Any

from marshmallow import ValidationError, fields
from marshmallow.types import ErrorMessages

from notifyhub.api.fields import MAX_LENGTH, Id, Object, SingleLine, String, Worded
from notifyhub.text.urls import MAX_URL_CHARACTERS, InvalidURL, normalize_https_url

# The characters of an atom (RFC 5322, 3.2.3) that need no escape in a URL.
_ATOM = r"[A-Za-z0-9!$&'*+=_~-]+"


class Recipient(String):
    """A recipient as clients write it."""

    default_error_messages: ErrorMessages = {
        "many": "Give one recipient: /api/notifications/messages/bulk takes many."
    }

    def _deserialize(self, value: Any, *args: Any, **options: Any) -> str:
        if isinstance(value, list):
            raise self.make_error("many")
        return super()._deserialize(value, *args, **options)


class PatternField(Worded, fields.Field[int | str]):
    """The id of a pattern, or as a text its name, were it of digits. An empty text counts as null."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        kinds = [
            {"type": "integer", "format": "int64"},
            {"type": "string", "maxLength": MAX_LENGTH},
            {"type": "null"},
        ]
        self.metadata = {**self.metadata, "oneOf": kinds}

    def deserialize(self, value: Any, *args: Any, **options: Any) -> Any:
        return super().deserialize(None if value == "" else value, *args, **options)

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> int | str:
        named: int | str = (_name if isinstance(value, str) else _id).deserialize(value)
        return named


class Arguments(Worded, fields.Field[list[str] | dict[str, str]]):
    """A list or an object of texts, taken as they are; a number is taken as its text."""

    MAX_COUNT = 100
    MAX_LENGTH = 1000
    """Characters of one."""

    default_error_messages: ErrorMessages = {"invalid": "Expected a list or an object."}

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        text = {"type": ["string", "number"], "minLength": 1, "maxLength": self.MAX_LENGTH}
        shapes = [
            {"type": "array", "items": text, "maxItems": self.MAX_COUNT},
            {
                "type": "object",
                "title": "NamedArgs",
                "additionalProperties": text,
                "maxProperties": self.MAX_COUNT,
            },
        ]
        self.metadata = {**self.metadata, "anyOf": [*shapes, {"type": "null"}]}

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> list[str] | dict[str, str]:
        if not isinstance(value, list | dict):
            raise self.make_error("invalid")
        if len(value) > self.MAX_COUNT:
            raise ValidationError(f"Ensure this field has no more than {self.MAX_COUNT} elements.")
        items = value.items() if isinstance(value, dict) else enumerate(value)
        texts: dict[Any, Any] = {}
        errors: dict[Any, Any] = {}
        for key, item in items:
            try:
                texts[key] = _argument.deserialize(item)
            except ValidationError as error:
                errors[key] = error.messages
        if errors:
            raise ValidationError(errors)
        return texts if isinstance(value, dict) else list(texts.values())


class Texts(Object):
    """An object of texts."""

    def __init__(self, max_count: int, **options: Any) -> None:
        super().__init__(keys=String(), values=String(), **options)
        self.max_count = max_count
        self.metadata = {**self.metadata, "maxProperties": max_count}

    def _deserialize(self, value: Any, *args: Any, **options: Any) -> dict[str, str]:
        if isinstance(value, dict) and len(value) > self.max_count:
            raise ValidationError(f"Ensure this field has no more than {self.max_count} elements.")
        try:
            return super()._deserialize(value, *args, **options)
        except ValidationError as error:
            if not isinstance(error.messages, dict):
                raise
            # marshmallow keeps a key's errors apart from its value's; to a client both are the entry's.
            raise ValidationError(
                {key: _flat(messages) for key, messages in error.messages.items()}
            ) from None


class Base64(String):
    """Bytes in base64 (RFC 4648, 4), without line ends."""

    default_error_messages: ErrorMessages = {"base64": "Not valid base64."}

    def _deserialize(self, value: Any, *args: Any, **options: Any) -> bytes:  # type: ignore[override]
        try:
            return b64decode(super()._deserialize(value, *args, **options), validate=True)
        except (binascii.Error, ValueError) as error:
            if isinstance(error, ValidationError):
                raise
            raise self.make_error("base64") from None


class ContentId(SingleLine):
    """A name for a file that HTML shows, as its `cid:` URL has it without escapes (RFC 2392, RFC 3986)."""

    PATTERN = rf"^{_ATOM}(\.{_ATOM})*(@{_ATOM}(\.{_ATOM})*)?$"

    default_error_messages: ErrorMessages = {
        "content_id": "Enter what stands behind `cid:` in the html: ASCII letters, digits and any of "
        "! $ & ' * + = _ ~ -, with single points between them, and at most one @."
    }

    def _deserialize(self, value: Any, *args: Any, **options: Any) -> str:
        name = super()._deserialize(value, *args, **options)
        if not re.fullmatch(self.PATTERN, name):
            raise self.make_error("content_id")
        return name


class HTTPSURL(SingleLine):
    """An https URL; it is read in ASCII."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=MAX_URL_CHARACTERS, **options)

    def _deserialize(self, value: Any, *args: Any, **options: Any) -> str:
        try:
            return normalize_https_url(super()._deserialize(value, *args, **options))
        except InvalidURL as error:
            raise ValidationError(str(error)) from None


_id, _name = Id(), String()
_argument = String(trim=False, max_length=Arguments.MAX_LENGTH)


def _flat(messages: Any) -> list[str]:
    if isinstance(messages, Mapping):
        return [word for inner in messages.values() for word in inner]
    return list(messages)
