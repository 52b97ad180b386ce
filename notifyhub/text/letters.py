"""Letters that look alike: Arabic yeh and kaf, which many keyboards write in Persian words."""

_PERSIAN = str.maketrans("\u064a\u0643", "\u06cc\u06a9")


def persian_letters(text: str) -> str:
    """Return `text` with Arabic yeh and kaf (ي ك) as the Persian letters (ی ک), all else as it is."""
    return text.translate(_PERSIAN)
