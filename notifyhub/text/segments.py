"""Segments: how many short messages a text takes on the air, and so what it costs.

The alphabet is the default one of 3GPP TS 23.038 section 6.2.1 with its extension table; national language
tables are left out, as providers do not announce them. A text outside the alphabet goes as UCS-2, which
phones read as UTF-16.
"""

import re
from typing import Literal, NamedTuple

_EXTENSION = "\f^{}\\[~]|€"
_GSM7 = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà" + _EXTENSION
)
_ESCAPED = re.compile(f"[{re.escape(_EXTENSION)}]")
_BEYOND_BMP = re.compile("[\U00010000-\U0010ffff]")
_LEAD = "\ud800"  # opens a pair that must stay in one segment
_PAIR = "\ud800\udc00"


class Measure(NamedTuple):
    """What a text is encoded in, and the number of segments that it takes."""

    encoding: Literal["gsm7", "ucs2"]
    segments: int


def measure(text: str) -> Measure:
    """Return the encoding of `text` and its segments; a text of nothing is one empty segment.

    GSM-7 holds 160 septets, or 153 in each of several segments, and a character of the extension table takes
    two; UCS-2 holds 70 UTF-16 units, or 67 each, as the header that joins segments takes 6 of 140 octets
    (3GPP TS 23.040 section 9.2.3.24.1). Neither an escape sequence nor a surrogate pair is split, so that
    a segment may stay one unit short.
    """
    if _GSM7.issuperset(text):
        return Measure("gsm7", _segments(_ESCAPED.sub(_PAIR, text), alone=160, joined=153))
    return Measure("ucs2", _segments(_BEYOND_BMP.sub(_PAIR, text), alone=70, joined=67))


def _segments(units: str, *, alone: int, joined: int) -> int:
    """Count the segments of `units`, one character for each septet or UTF-16 unit."""
    if len(units) <= alone:
        return 1
    count = start = 0
    while start < len(units):
        start += joined
        if units[start - 1 : start] == _LEAD:
            start -= 1
        count += 1
    return count
