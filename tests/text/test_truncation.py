"""Texts that are shown in part."""

import pytest

from notifyhub.text.truncation import truncate


@pytest.mark.parametrize(("text", "shown"), [("", ""), ("abc", "abc"), ("abcd", "ab…"), ("abc" * 99, "ab…")])
def test_a_text_that_is_too_long_ends_with_an_ellipsis(text: str, shown: str) -> None:
    assert truncate(text, 3) == shown
