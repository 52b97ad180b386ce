"""Masks of one-time passwords: what messages store and show instead of the digits."""

from notifyhub.text.segments import measure

MASK = "•"


def masked(length: int) -> str:
    """Return the mask of a code with `length` digits."""
    return MASK * length


def measured(text: str) -> tuple[str, int]:
    """Return the encoding and the segments of a text whose mask will be digits."""
    return measure(text.replace(MASK, "0"))
