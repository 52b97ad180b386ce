"""Senders of email, as a From header names them."""

import re
from email.utils import getaddresses

from marshmallow import ValidationError, validate

from notifyhub.text.lines import is_line

_INVALID = "Enter a valid email address."
_SENDER = re.compile(r".*<(?P<address>[^<>\s]+)>")
_is_address = validate.Email(error=_INVALID)


def is_sender(value: str) -> str:
    """Return `value` if it is one address or `Name <address>` (RFC 5322, 3.4); raises ValidationError.

    A name with a comma or an @ must be quoted: they would begin another address, as a line end would
    begin another header.
    """
    named = _SENDER.fullmatch(value)
    address = named["address"] if named else value
    addresses = [found for _, found in getaddresses([value])]
    if addresses != [address] or not is_line(value):
        raise ValidationError(_INVALID)
    _is_address(address)
    return value
