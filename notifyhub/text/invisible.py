"""Characters that can't be seen: blanks, marks of direction, joiners, controls."""

import re
import unicodedata

_CATEGORIES = {"Cc", "Cf", "Zs", "Zl", "Zp"}
# Those of other categories that Unicode draws as nothing (Default_Ignorable_Code_Point): fillers, variation
# selectors and the like; and the pattern of Braille without a dot.
_IGNORABLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2065\u2800\u3164\ufe00-\ufe0f\uffa0\ufff0-\ufff8"
    "\U000e0000-\U000e0fff]"
)


def is_invisible(character: str) -> bool:
    """Return whether a character can't be seen, blanks and line ends included."""
    return unicodedata.category(character) in _CATEGORIES or bool(_IGNORABLE.match(character))


def visible(text: str) -> str:
    """Return `text` without the characters that can't be seen."""
    if text.isascii() and text.isalnum():
        return text
    return "".join(character for character in text if not is_invisible(character))
