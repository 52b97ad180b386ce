"""Senders of email, as a From header names them."""

import re

from marshmallow import ValidationError, validate

_INVALID = "Enter a valid email address."
_SENDER = re.compile(r"(?P<name>[^<>\x00-\x1f\x7f]*)<(?P<address>[^<>\s]+)>")
_is_address = validate.Email(error=_INVALID)


def is_sender(value: str) -> str:
    """Return `value` if it is an address or `Name <address>`; raises ValidationError.

    Line ends are refused: in a header they would begin another one.
    """
    named = _SENDER.fullmatch(value)
    if not value.isprintable():
        raise ValidationError(_INVALID)
    _is_address(named["address"] if named else value)
    return value
