"""Fields for the settings of providers."""

import math
import re
from typing import Any

from marshmallow import Schema, ValidationError, fields
from marshmallow.types import ErrorMessages

from notifyhub.api.fields import MAX_LENGTH, Worded, at_most, at_most_long, described
from notifyhub.text.digits import ascii_digits


class Token(Worded, fields.String):
    """The token of an account: a text, taken as it is; a number is none."""

    default_error_messages: ErrorMessages = {
        "invalid": "Not a valid string.",
        "blank": "This field may not be blank.",
    }

    def __init__(self, pattern: str = r"\S") -> None:
        super().__init__(
            required=True,
            validate=at_most_long(MAX_LENGTH),
            metadata=described("Token of the account at the provider.", "value1", pattern=pattern),
        )

    def _deserialize(self, value: Any, *args: Any, **options: Any) -> str:
        text = str(super()._deserialize(value, *args, **options))
        if not text.strip():
            raise self.make_error("blank")
        return text


class PathToken(Token):
    """A token that becomes a segment of a URL's path, which "." and ".." never are: clients remove them."""

    def __init__(self) -> None:
        super().__init__(pattern=r"[^\s.]")

    def _deserialize(self, value: Any, *args: Any, **options: Any) -> str:
        text = super()._deserialize(value, *args, **options)
        if text.strip() in {".", ".."}:
            raise ValidationError('Must be other than "." and "..".')
        return text


class Line(Worded, fields.String):
    """The number of a provider's line that fits `pattern`; its digits may be written in other scripts.

    `error` says what is wrong with any other.
    """

    default_error_messages: ErrorMessages = {"invalid": "Not a valid string."}

    def __init__(self, pattern: str, *, error: str, example: str, **options: Any) -> None:
        meaning = "Number of the line to send from; Persian and Arabic-Indic digits are taken for ASCII ones."
        super().__init__(metadata=described(meaning, example, pattern=f"^{pattern}$"), **options)
        self.pattern = re.compile(pattern)
        self.error = error

    def _deserialize(self, value: Any, *args: Any, **options: Any) -> str:
        line = ascii_digits(str(super()._deserialize(value, *args, **options)))
        if len(line) > MAX_LENGTH or not self.pattern.fullmatch(line):
            raise ValidationError(self.error)
        return line


def _above_0(value: float) -> None:
    if value <= 0:
        raise ValidationError("Ensure this value is greater than 0.")


class PerSecond(Worded, fields.Float):
    """How often in a second something may happen: a number above 0, whole or not, kept as it is given."""

    default_error_messages: ErrorMessages = {"invalid": "A valid number is required."}

    MOST = 10_000

    def __init__(self, **options: Any) -> None:
        described_so = {**options.pop("metadata", {}), "exclusiveMinimum": 0}
        super().__init__(validate=[_above_0, at_most(self.MOST)], metadata=described_so, **options)

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> float:
        if type(value) is int or (isinstance(value, float) and math.isfinite(value)):
            return value
        raise self.make_error("invalid")


class CommonSettingsSchema(Schema):
    """What the settings of any provider may hold."""

    max_per_second = PerSecond(
        metadata=described(
            "The most calls per second that the account allows, of all workers together.",
            5,
        )
    )


class TokenSettingsSchema(Schema):
    """The settings of a provider that says nothing of its own."""

    token = Token()
