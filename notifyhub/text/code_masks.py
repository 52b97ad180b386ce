"""One-time passwords in messages: what is stored and shown instead of their digits."""

from notifyhub.text.segments import measure

MASK = "•"


def masked(length: int) -> str:
    """Return what stands for a code of so many digits."""
    return MASK * length


def measured(text: str) -> tuple[str, int]:
    """Return the encoding and the segments of a text whose mask will be digits."""
    return measure(text.replace(MASK, "0"))
