"""Phone numbers, from the spellings of people to E.164 (ITU-T E.164: `+`, country code, number)."""

import re
import unicodedata

import phonenumbers

from notifyhub.text.digits import ascii_digits

_IRANIAN_MOBILE = re.compile(r"(?:(?:\+|00)?98)?0?(9[0-9]{9})")
_INTERNATIONAL = re.compile(r"(?:\+|00)([1-9][0-9]*)")
_LOOSE = frozenset("().\u2212")  # and the minus sign
_LOOSE_CATEGORIES = frozenset(("Zs", "Pd", "Cf"))  # spaces, dashes; joiners and marks of direction


class InvalidNumber(ValueError):
    """The text is no number that a message can be sent to; its words are for the client."""


def to_e164(text: str) -> str:
    """Return the number written as `text` in E.164.

    An Iranian mobile may be written 0912…, +98912…, 0098912…, 98912… or 912…, and is taken whatever its
    operator's prefix: +989 and nine digits. A number of another country needs its + or 00 and must be valid
    by the numbering plans of the `phonenumbers` library. Digits may be of any script; spaces, dashes,
    parentheses, dots and invisible marks between them do not count. Raise `InvalidNumber` for all else.
    """
    number = ascii_digits("".join(filter(_counts, text.strip())))
    if mobile := _IRANIAN_MOBILE.fullmatch(number):
        return f"+98{mobile[1]}"
    if international := _INTERNATIONAL.fullmatch(number):
        return _foreign(international[1])
    raise InvalidNumber(
        "Enter an Iranian mobile number such as 09121234567, or a number with + and its country code."
    )


def local_iranian(e164: str) -> str:
    """Return an Iranian mobile number of E.164 as it is dialled in Iran: +98912… is 0912….

    Raise `InvalidNumber` for any other number.
    """
    mobile = _IRANIAN_MOBILE.fullmatch(e164)
    if mobile is None or not e164.startswith("+98"):
        raise InvalidNumber("This is not an Iranian mobile number.")
    return f"0{mobile[1]}"


def _counts(character: str) -> bool:
    return character not in _LOOSE and unicodedata.category(character) not in _LOOSE_CATEGORIES


def _foreign(digits: str) -> str:
    if digits.startswith("98"):
        raise InvalidNumber("An Iranian number must be a mobile number: 09 and nine digits.")
    try:
        number = phonenumbers.parse(f"+{digits}")
    except phonenumbers.NumberParseException:
        raise InvalidNumber("This is not a phone number of any country.") from None
    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    # Some numbering plans have longer numbers, for use within the country; E.164 ends at 15 digits.
    if len(e164) > 16 or not phonenumbers.is_valid_number(number):
        raise InvalidNumber("This is not a valid phone number of its country.")
    return e164
