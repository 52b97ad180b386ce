"""Letters that look alike: Arabic yeh and kaf, which many keyboards write in Persian words."""

from notifyhub.text.digits import ascii_digits

_PERSIAN = str.maketrans("\u064a\u0643", "\u06cc\u06a9")


def persian_letters(text: str) -> str:
    """Return `text` with Arabic yeh and kaf (ي ك) as the Persian letters (ی ک), all else as it is."""
    return text.translate(_PERSIAN)


def matching(text: str) -> str:
    """Return `text` normalized for comparing, so that two spellings are equal; never send or store it.

    Persian yeh and kaf, ASCII digits, no case, and one space between words.
    """
    return " ".join(ascii_digits(persian_letters(text)).casefold().split())
