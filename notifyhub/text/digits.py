"""Digits of other scripts."""

import unicodedata
from functools import lru_cache


def ascii_digits(text: str) -> str:
    """Return `text` with every decimal digit of any script (۱, ١, १, …) as its ASCII digit."""
    if text.isascii():
        return text
    return "".join(_ascii(character) for character in text)


def _ascii(character: str) -> str:
    value = unicodedata.decimal(character, None)
    return character if value is None else str(value)


def mask_digits(text: str, mask: str) -> str:
    """Return `text` with `mask` for each character that is, holds or counts as a digit: ۱, １, ①, ², 一."""
    return "".join(mask if _is_digit(character) else character for character in text)


@lru_cache(1024)
def _is_digit(character: str) -> bool:
    plain = unicodedata.normalize("NFKC", character)
    return any(unicodedata.numeric(each, None) is not None for each in (character, *plain))
