"""Texts that are shown in part."""

import pytest

from notifyhub.text.cuts import cut


@pytest.mark.parametrize(("text", "shown"), [("", ""), ("abc", "abc"), ("abcd", "ab…"), ("abc" * 99, "ab…")])
def test_a_text_that_is_too_long_ends_with_an_ellipsis(text: str, shown: str) -> None:
    assert cut(text, 3) == shown
