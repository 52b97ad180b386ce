import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifyhub.text.letters import matching, persian_letters

SPELLINGS = st.text(st.sampled_from("يیكکىةAaبß۱١1 \t\u200c"))


@pytest.mark.parametrize(
    ("text", "persian"),
    [("كتابي", "کتابی"), ("موسى", "موسى"), ("مدرسة", "مدرسة"), ("Ali ۱۲", "Ali ۱۲"), ("", "")],
)
def test_only_arabic_yeh_and_kaf_become_persian(text: str, persian: str) -> None:
    assert persian_letters(text) == persian


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("كد تاييد", "کد تایید"),
        ("OTP-۱۲", "otp-12"),
        ("کد ١", "کد ۱"),
        ("  login \t code ", "login code"),
        ("STRASSE", "straße"),
    ],
)
def test_spellings_of_one_name_match(left: str, right: str) -> None:
    assert matching(left) == matching(right)


@pytest.mark.parametrize(("left", "right"), [("کد", "کر"), ("login code", "logincode"), ("otp1", "otp2")])
def test_different_names_do_not_match(left: str, right: str) -> None:
    assert matching(left) != matching(right)


@given(st.text() | SPELLINGS)
def test_the_matching_form_matches_its_text(text: str) -> None:
    assert matching(matching(text)) == matching(text)
    assert matching(persian_letters(text)) == matching(text)


@given(st.text() | SPELLINGS)
def test_persian_letters_keep_every_other_character_in_place(text: str) -> None:
    persian = persian_letters(text)
    assert len(persian) == len(text)
    assert not set(persian) & set("يك")
    assert all(
        new == old or (old, new) in {("ي", "ی"), ("ك", "ک")} for old, new in zip(text, persian, strict=True)
    )
