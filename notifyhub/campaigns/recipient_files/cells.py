"""Cells: what a spreadsheet keeps in one, as the text that a person means by it."""

import re
from datetime import date, datetime, time
from decimal import Decimal

from notifyhub.text.invisible import is_invisible

_AS_FORMULA = re.compile(r'="(.*)"', re.DOTALL)
_MARKED_AS_TEXT = re.compile(r"['\u2019](?=[0-9\u06f0-\u06f9\u0660-\u0669=+@-])")
_SCIENTIFIC = re.compile(r"([0-9])(?:\.([0-9]+))?[eE]\+?([0-9]{1,2})")
_MAX_EXACT = 10**15
"""Spreadsheets keep fifteen digits of a number."""
_ZEROS = re.compile(r"0{2,30}")
_UNSAFE = re.compile(r"[=+\-@\t\r]")
_NEGATIVE = re.compile(r"-[0-9]+(?:[.,][0-9]+)?")


def clean(text: str) -> str:
    """Return a cell's text without what can't be seen around it, and without what marks it as a text.

    Marks are an apostrophe in front of a number, and a formula that is nothing but a text: `="0912…"`. What
    can't be seen within stays: Persian words need the zero-width non-joiner. A number in scientific notation
    that has all its digits is written out; one that was rounded stays, so that nobody takes it for a number.
    """
    text = _trimmed(text.replace("_x000D_", "").replace("\0", ""))
    if formula := _AS_FORMULA.fullmatch(text):
        text = _trimmed(formula[1].replace('""', '"'))
    return _written_out(_MARKED_AS_TEXT.sub("", text, count=1) if _MARKED_AS_TEXT.match(text) else text)


def _trimmed(text: str) -> str:
    start, end = 0, len(text)
    while start < end and is_invisible(text[start]):
        start += 1
    while end > start and is_invisible(text[end - 1]):
        end -= 1
    return text[start:end]


def _written_out(text: str) -> str:
    number = _SCIENTIFIC.fullmatch(text)
    if number is None or len(number[2] or "") != int(number[3]):
        return text
    return str(int(Decimal(text)))


def text_of(value: object, number_format: str = "General") -> str:
    """Return what a workbook's cell says: numbers without a fraction that they don't have, dates as ISO 8601.

    A number that is shown with leading zeros, by a format such as `00000`, has them.
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, int | float):
        return _number(value, number_format)
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat(" ", "minutes")
    return value.isoformat() if isinstance(value, date | time) else str(value)


def _number(value: float, number_format: str) -> str:
    text = str(int(value)) if float(value).is_integer() and abs(value) < _MAX_EXACT else str(value)
    return text.zfill(len(number_format)) if _ZEROS.fullmatch(number_format) else text


def safe(text: str) -> str:
    """Return a text as a file for spreadsheets may have it: none takes it for a formula.

    What begins as one does gets an apostrophe (OWASP, "CSV Injection"), which `clean` takes away again; so
    does a number with a +, which a spreadsheet would round. A negative number stays a number.
    """
    return f"'{text}" if _UNSAFE.match(text) and not _NEGATIVE.fullmatch(text) else text
