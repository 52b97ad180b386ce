"""Texts of one line."""

import pytest

from notifyhub.text.lines import is_line


@pytest.mark.parametrize("text", ["", " ", "a b", "می\u200cخواهم", "a\xa0b", "👩\u200d🚀", "\u202bا"])
def test_invisible_letters_are_part_of_a_line(text: str) -> None:
    assert is_line(text)


@pytest.mark.parametrize("letter", "\n\r\t\v\f\0\x1b\x1c\x7f\x85\u2028\u2029\ud800")
def test_line_ends_and_controls_are_not(letter: str) -> None:
    assert not any(is_line(text) for text in (letter, f"a{letter}", f"{letter}b"))
