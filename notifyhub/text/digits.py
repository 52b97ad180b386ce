"""Digits of other scripts."""

import unicodedata


def ascii_digits(text: str) -> str:
    """Return `text` with every decimal digit of any script (۱, ١, १, …) as its ASCII digit."""
    if text.isascii():
        return text
    return "".join(_ascii(character) for character in text)


def _ascii(character: str) -> str:
    value = unicodedata.decimal(character, None)
    return character if value is None else str(value)
