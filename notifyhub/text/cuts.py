"""Texts that are shown in part."""

ELLIPSIS = "…"

MOST_QUOTED = 100
"""The characters of a client's value that an error quotes."""


def cut(text: str, most: int) -> str:
    """Return a text of at most so many characters; `…` ends one that was longer."""
    return text if len(text) <= most else text[: most - 1] + ELLIPSIS
