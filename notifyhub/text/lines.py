"""Texts of one line."""

import unicodedata

_BREAKING = {"Cc", "Cs", "Zl", "Zp"}


def is_line(text: str) -> bool:
    """Return whether `text` holds neither line ends nor control characters.

    Invisible letters may be in it: Persian words need the zero-width non-joiner, which `str.isprintable`
    refuses.
    """
    return not any(unicodedata.category(character) in _BREAKING for character in text)


def as_line(text: str) -> str:
    """Return `text` with a blank for each line end (CR LF is one) and for each other control character."""
    return "".join(
        " " if unicodedata.category(character) in _BREAKING else character
        for character in text.replace("\r\n", "\n")
    )
