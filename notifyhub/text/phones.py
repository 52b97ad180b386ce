"""Phone numbers, from the spellings of people to E.164 (ITU-T E.164: `+`, country code, number)."""

import re
import unicodedata

import phonenumbers
from phonenumbers import PhoneNumberType

from notifyhub.text.digits import ascii_digits

IRAN = "IR"
COUNTRIES = frozenset(phonenumbers.SUPPORTED_REGIONS)
"""The countries that have phone numbers, by their codes of ISO 3166."""

_IRANIAN_MOBILE = re.compile(r"(?:(?:\+|00)?98)?0?(9[0-9]{9})")
_IRANIAN_LANDLINE = re.compile(r"(?:(?:\+|00)98)?0[1-8][0-9]{2,9}|(?:(?:\+|00)?98)[1-8][0-9]{9}")
_INTERNATIONAL = re.compile(r"(?:\+|00)([1-9][0-9]*)")
_SCIENTIFIC = re.compile(r"[0-9.]+[eE][+-]?[0-9]+")
_DIGITS_AND_DOTS = re.compile(r"\+?[0-9.]+")
_PREFIX = re.compile(r"tel:|['\u2019]", re.IGNORECASE)  # RFC 3966; what spreadsheets mark a text with
_PLUS = str.maketrans({"\ufe62": "+", "\uff0b": "+"})
_LOOSE = frozenset("()\u2212")  # and the minus sign
_LOOSE_CATEGORIES = frozenset(("Zs", "Pd", "Cf"))  # spaces, dashes; joiners and marks of direction
_MOBILE = frozenset((PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE))


class InvalidNumber(ValueError):
    """The text is no number that a message can be sent to; its words are for the client."""


def to_e164(text: str) -> str:
    """Return the number written as `text` in E.164.

    An Iranian mobile may be written 0912…, +98912…, 0098912…, 98912… or 912…, and is taken whatever its
    operator's prefix: +989 and nine digits. A number of another country needs its + or 00 and must be that
    of a mobile by the numbering plans of the `phonenumbers` library. Digits may be of any script; spaces,
    dashes, parentheses and invisible marks between them do not count, nor do dots where they can't be a
    decimal point. `tel:` or an apostrophe may stand in front, and the + behind, where text from right to left
    shows it. Raise `InvalidNumber` for all else.
    """
    if mobile := _IRANIAN_MOBILE.fullmatch(text):  # as nearly all are written
        return f"+98{mobile[1]}"
    number = _normalize(text)
    if _SCIENTIFIC.fullmatch(number):
        raise InvalidNumber("A spreadsheet has rounded this number: have it write the number as a text.")
    number = _without_dots(number)
    if mobile := _IRANIAN_MOBILE.fullmatch(number):
        return f"+98{mobile[1]}"
    if _IRANIAN_LANDLINE.fullmatch(number):
        raise InvalidNumber(
            "This is an Iranian landline, and messages go to mobiles: enter a number such as 09121234567."
        )
    if international := _INTERNATIONAL.fullmatch(number):
        return _foreign(international[1])
    raise InvalidNumber(
        "Enter an Iranian mobile number such as 09121234567, or a number with + and its country code."
    )


def country_of(e164: str) -> str:
    """Return the country of a number that `to_e164` has returned, by its code of ISO 3166."""
    if e164.startswith("+98"):
        return IRAN
    return phonenumbers.region_code_for_number(phonenumbers.parse(e164)) or ""


def _normalize(text: str) -> str:
    """Return a number's digits in ASCII, with its + in front and its dots, without what does not count."""
    number = ascii_digits("".join(filter(_counts, text.strip()))).translate(_PLUS)
    number = _PREFIX.sub("", number, count=1) if _PREFIX.match(number) else number
    return f"+{number[:-1]}" if number.endswith("+") and number[:-1].isdigit() else number


def _counts(character: str) -> bool:
    return character not in _LOOSE and unicodedata.category(character) not in _LOOSE_CATEGORIES


def _without_dots(number: str) -> str:
    """Return a number without the dots that separate its groups.

    One dot alone may be a decimal point, unless it stands behind a 0 or a country code: 912123456.0 is no
    spelling of 09121234560. No group behind a dot has a single digit.
    """
    first, *groups = number.rstrip(".").split(".")
    if not groups or not _DIGITS_AND_DOTS.fullmatch(number):
        return number.rstrip(".")
    is_separator = len(groups) > 1 or re.fullmatch(r"0[0-9]+|\+[0-9]{1,3}", first)
    if not is_separator or any(len(group) < 2 for group in groups):
        raise InvalidNumber("A dot may be a decimal point here: write the number without it.")
    return first + "".join(groups)


def _foreign(digits: str) -> str:
    if digits.startswith("98"):
        raise InvalidNumber("An Iranian number must be a mobile number: 09 and nine digits.")
    try:
        number = phonenumbers.parse(f"+{digits}")
    except phonenumbers.NumberParseException:
        raise InvalidNumber("This is not a phone number of any country.") from None
    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    kind = phonenumbers.number_type(number)
    # Some numbering plans have longer numbers, for use within the country; E.164 ends at 15 digits.
    if len(e164) > 16 or kind == PhoneNumberType.UNKNOWN or not _is_part(e164[1:], digits):
        raise InvalidNumber("This is not a valid phone number of its country.")
    if kind not in _MOBILE or phonenumbers.region_code_for_number(number) not in COUNTRIES:
        raise InvalidNumber("This is not a mobile number, and messages go to mobiles alone.")
    return e164


def _is_part(digits: str, given: str) -> bool:
    """Return whether all digits were given in order: some numbering plans write more than was dialled."""
    rest = iter(given)
    return all(digit in rest for digit in digits)
