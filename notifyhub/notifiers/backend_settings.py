"""What the settings of an SMS notifier must hold for its backend.

The rules are the documentation's (page "Create SMS Notifier"); keys that they don't name are kept as given.
"""

import re
from collections.abc import Mapping
from typing import Any

from marshmallow import INCLUDE, Schema, ValidationError, fields
from marshmallow.types import ErrorMessages

from notifyhub.api.fields import MAX_LENGTH, Worded, at_most_long
from notifyhub.notifiers.models import Backend
from notifyhub.text.digits import ascii_digits


class _Text(Worded, fields.String):
    """A text, taken as it is; a number is none."""

    default_error_messages: ErrorMessages = {
        "invalid": "Not a valid string.",
        "blank": "This field may not be blank.",
    }

    def __init__(self) -> None:
        super().__init__(required=True, validate=at_most_long(MAX_LENGTH))

    def _deserialize(self, value: Any, *args: Any, **options: Any) -> str:
        text = str(super()._deserialize(value, *args, **options))
        if not text.strip():
            raise self.make_error("blank")
        return text


class _Line(Worded, fields.String):
    """The number of a provider's line, whose digits may be written in other scripts."""

    default_error_messages: ErrorMessages = {"invalid": "Not a valid string."}

    def __init__(self, pattern: str, words: str, **options: Any) -> None:
        super().__init__(**options)
        self.pattern = re.compile(pattern)
        self.words = words

    def _deserialize(self, value: Any, *args: Any, **options: Any) -> str:
        line = ascii_digits(str(super()._deserialize(value, *args, **options)))
        if len(line) > MAX_LENGTH or not self.pattern.fullmatch(line):
            raise ValidationError(self.words)
        return line


class _MelipayamakSettings(Schema):
    token = _Text()
    number = _Line(r"[0-9]{5,}", "Must be a string of more than 4 digits.")


class _IPPanelSettings(Schema):
    token = _Text()
    from_number = _Line(r"\+98[0-9]{5,12}", "Must be +98 and 5 to 12 digits.", required=True)


_SCHEMAS: Mapping[str, Schema] = {
    Backend.MELIPAYAMAK: _MelipayamakSettings(unknown=INCLUDE),
    Backend.IPPANEL: _IPPanelSettings(unknown=INCLUDE),
}


def check(backend: str, settings: dict[str, Any]) -> dict[str, Any]:
    """Return the settings as they are stored: with the digits of lines in ASCII.

    Empty settings are taken for any backend. Raises ValidationError, by key, if a rule is broken.
    """
    if not settings:
        return settings
    checked = _SCHEMAS[backend].load(settings)
    return {key: checked[key] for key in settings}
