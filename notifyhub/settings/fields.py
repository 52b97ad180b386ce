"""Fields of the delivery settings: numbers, and the address that alerts go to."""

from math import isfinite
from typing import Any

from marshmallow import ValidationError, fields
from marshmallow.types import ErrorMessages

from notifyhub.api.fields import String, Worded
from notifyhub.database.columns import number
from notifyhub.text.addresses import InvalidAddress, normalize_address


class Number(Worded, fields.Float):
    """A number, whole or not; its text is taken too."""

    default_error_messages: ErrorMessages = {"invalid": "A valid number is required."}

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, str | int | float) or len(str(value)) > 100:
            raise self.make_error("invalid")
        try:
            given = float(value)
        except (ValueError, OverflowError):
            raise self.make_error("invalid") from None
        if not isfinite(given):
            raise self.make_error("invalid")
        return number(given)

    def _serialize(self, value: float | None, *_: Any, **__: Any) -> float | None:
        return value


class Address(String):
    """A mail address, which is read in its one form."""

    def _deserialize(self, value: Any, *args: Any, **options: Any) -> str:
        try:
            return normalize_address(super()._deserialize(value, *args, **options))
        except InvalidAddress as error:
            raise ValidationError(str(error)) from None
