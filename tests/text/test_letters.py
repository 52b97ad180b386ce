import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifyhub.text.letters import persian_letters

SPELLINGS = st.text(st.sampled_from("يیكکىةAaبß۱١1 \t\u200c"))


@pytest.mark.parametrize(
    ("text", "persian"),
    [("كتابي", "کتابی"), ("موسى", "موسى"), ("مدرسة", "مدرسة"), ("Ali ۱۲", "Ali ۱۲"), ("", "")],
)
def test_only_arabic_yeh_and_kaf_become_persian(text: str, persian: str) -> None:
    assert persian_letters(text) == persian


@given(st.text() | SPELLINGS)
def test_persian_letters_keep_every_other_character_in_place(text: str) -> None:
    persian = persian_letters(text)
    assert len(persian) == len(text)
    assert not set(persian) & set("يك")
    assert all(
        new == old or (old, new) in {("ي", "ی"), ("ك", "ک")} for old, new in zip(text, persian, strict=True)
    )
