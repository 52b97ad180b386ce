"""Texts of one line."""

import unicodedata

_BREAKING = {"Cc", "Cs", "Zl", "Zp"}


def is_line(text: str) -> bool:
    """Return whether `text` holds neither line ends nor control characters.

    Invisible letters may be in it: Persian words need the zero-width non-joiner, which `str.isprintable`
    refuses.
    """
    return not any(unicodedata.category(character) in _BREAKING for character in text)
