"""One-time passwords in messages: what is stored and shown instead of their digits."""

MASK = "•"


def masked(length: int) -> str:
    """Return what stands for a code of so many digits."""
    return MASK * length
