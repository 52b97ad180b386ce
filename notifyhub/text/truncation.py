"""Cutting texts that are too long to be shown whole."""

ELLIPSIS = "…"

MAX_QUOTED_CHARACTERS = 100
"""How much of a client's value an error quotes."""


def truncate(text: str, most: int) -> str:
    """Return a text of at most so many characters; `…` ends one that was longer."""
    return text if len(text) <= most else text[: most - 1] + ELLIPSIS
