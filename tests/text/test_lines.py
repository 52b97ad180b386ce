"""Texts of one line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifyhub.text.lines import as_line, is_line


@pytest.mark.parametrize("text", ["", " ", "a b", "می\u200cخواهم", "a\xa0b", "👩\u200d🚀", "\u202bا"])
def test_invisible_letters_are_part_of_a_line(text: str) -> None:
    assert is_line(text)


@pytest.mark.parametrize("letter", "\n\r\t\v\f\0\x1b\x1c\x7f\x85\u2028\u2029\ud800")
def test_line_ends_and_controls_are_not(letter: str) -> None:
    assert not any(is_line(text) for text in (letter, f"a{letter}", f"{letter}b"))


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a\r\nb", "a b"),
        ("a\n\rb\n", "a  b "),
        ("\t\v\f\0\x1b\x7f\x85", " " * 7),
        ("a\u2028b\u2029c\ud800", "a b c "),
        ("می\u200cخواهم\xa0", "می\u200cخواهم\xa0"),
    ],
)
def test_line_ends_and_controls_become_blanks(text: str, line: str) -> None:
    assert as_line(text) == line


@given(st.text())
def test_whatever_becomes_a_line_is_one_and_a_line_stays_as_it_is(text: str) -> None:
    assert is_line(as_line(text))
    assert as_line(as_line(text)) == as_line(text)
    if is_line(text):
        assert as_line(text) == text
