import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifyhub.text.phones import COUNTRIES, InvalidNumber, country_of, to_e164

NINE_DIGITS = st.text("0123456789", min_size=9, max_size=9)
FORMS = st.sampled_from(["09", "+989", "00989", "989", "9", "+9809", "009809", "9809"])
SCRIPTS = st.sampled_from(["0123456789", "۰۱۲۳۴۵۶۷۸۹", "٠١٢٣٤٥٦٧٨٩", "０１２３４５６７８９", "०१२३४५६७८९"])
FILLERS = st.text(
    st.sampled_from(" -()\u00a0\u200c\u200d\u200e\u200f\u202a\u202c\u2066\u2069\u2011\u2013\u2212"),
    max_size=3,
)

FOREIGN_MOBILES = [
    number
    for region in sorted(phonenumbers.SUPPORTED_REGIONS - {"IR"})
    if (number := phonenumbers.example_number_for_type(region, phonenumbers.PhoneNumberType.MOBILE))
]


@given(NINE_DIGITS, FORMS, SCRIPTS, st.data())
def test_every_spelling_of_an_iranian_mobile_is_one_number(
    digits: str, form: str, script: str, data: st.DataObject
) -> None:
    number = (form + digits).translate(str.maketrans("0123456789", script))
    spelling = "".join(data.draw(FILLERS) + character for character in number) + data.draw(FILLERS)
    assert to_e164(spelling) == f"+989{digits}"


@pytest.mark.parametrize("last", "123")
def test_the_fixed_test_numbers_are_taken(last: str) -> None:
    assert to_e164(f"+98900000000{last}") == f"+98900000000{last}"


@pytest.mark.parametrize(
    ("text", "e164"),
    [
        ("+1 (650) 253-0000", "+16502530000"),
        ("001 650 253 0000", "+16502530000"),
        ("+44 (0)7400 123456", "+447400123456"),
        ("+۹۰ ۵۳۲ ۱۲۳ ۴۵ ۶۷", "+905321234567"),
        ("00971501234567", "+971501234567"),
        ("+39 312 345 6789", "+393123456789"),
        (" 0912 123 4567\n", "+989121234567"),
        ("9812345678", "+989812345678"),
        ("09121234567\t", "+989121234567"),
        ("09121234567\r\n", "+989121234567"),
        ("tel:+98-912-123-4567", "+989121234567"),
        ("TEL:09121234567", "+989121234567"),
        ("'09121234567", "+989121234567"),
        ("\u201909121234567", "+989121234567"),
        ("＋۹۸۹۱۲۱۲۳۴۵۶۷", "+989121234567"),
        ("989121234567+", "+989121234567"),
        ("447400123456+", "+447400123456"),
        ("0912.123.4567", "+989121234567"),
        ("0912.1234567", "+989121234567"),
        ("912.123.4567", "+989121234567"),
        ("09121234567.", "+989121234567"),
        ("+98.9121234567", "+989121234567"),
        ("+1.7035555555", "+17035555555"),
    ],
)
def test_numbers_are_taken(text: str, e164: str) -> None:
    assert to_e164(text) == e164


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "Enter an Iranian mobile"),
        ("abc", "Enter an Iranian mobile"),
        ("0912123456", "Enter an Iranian mobile"),
        ("091212345678", "Enter an Iranian mobile"),
        ("16502530000", "Enter an Iranian mobile"),
        ("0912+1234567", "Enter an Iranian mobile"),
        ("++989121234567", "Enter an Iranian mobile"),
        ("+00989121234567", "Enter an Iranian mobile"),
        ("0912\n1234567", "Enter an Iranian mobile"),
        ("0912123456²", "Enter an Iranian mobile"),
        ("09121234567 x1", "Enter an Iranian mobile"),
        ("09121234567,09121234568", "Enter an Iranian mobile"),
        ("+983000505", "must be a mobile number"),
        ("02112345678", "Iranian landline"),
        ("۰۲۱ ۸۸۷۷ ۶۶۵۵", "Iranian landline"),
        ("021 8877", "Iranian landline"),
        ("08121234567", "Iranian landline"),
        ("+982112345678", "Iranian landline"),
        ("982188776655", "Iranian landline"),
        ("0098 (0)21 88776655", "Iranian landline"),
        ("912123456.0", "decimal point"),
        ("۹۱۲۱۲۳۴۵۶.۰", "decimal point"),
        ("9121234567.0", "decimal point"),
        ("+912123456.0", "decimal point"),
        ("0.9121234567", "decimal point"),
        (".9121234567", "decimal point"),
        ("912.123456.0", "decimal point"),
        ("9.121234567E+09", "spreadsheet"),
        ("9.121234567e9", "spreadsheet"),
        ("1e+22", "spreadsheet"),
        ("912123456\u066b0", "Enter an Iranian mobile"),
        ("''09121234567", "Enter an Iranian mobile"),
        ("+19002345678", "not a mobile number"),
        ("+979123456789", "not a mobile number"),
        ("+449098790123", "not a mobile number"),
        ("+447012345678", "not a mobile number"),
        ("+881612345678", "not a mobile number"),
        ("+870301234567", "not a mobile number"),
        ("+18002345678", "not a mobile number"),
        ("+442079460958", "not a mobile number"),
        ("+54 11 15 1234 5678", "not a valid phone number"),
        ("+9891212345678", "must be a mobile number"),
        ("+98912123456", "must be a mobile number"),
        ("+1 650 253", "not a valid phone number"),
        ("+4920100000000000", "not a valid phone number"),
        ("+99912345678", "not a phone number of any country"),
        ("+1" + "0" * 10_000, "not a phone number of any country"),
    ],
)
def test_what_cannot_be_sent_to_is_refused_with_the_reason(text: str, words: str) -> None:
    with pytest.raises(InvalidNumber, match=words):
        to_e164(text)


@given(st.sampled_from(FOREIGN_MOBILES))
def test_mobiles_of_other_countries_are_taken_in_both_international_forms(
    number: phonenumbers.PhoneNumber,
) -> None:
    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    written = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)
    assert to_e164(written) == e164
    assert to_e164(e164.replace("+", "00")) == e164


@given(st.text() | st.text("+0123456789 -۹", max_size=18))
def test_a_result_is_e164_and_stays_as_it_is(text: str) -> None:
    try:
        e164 = to_e164(text)
    except InvalidNumber:
        return
    assert e164[0] == "+"
    assert e164[1:].isascii()
    assert e164[1:].isdigit()
    assert len(e164) <= 16
    assert to_e164(e164) == e164


@given(st.text("0123456789.", min_size=1, max_size=16))
def test_a_text_that_is_a_decimal_number_is_taken_only_for_its_digits(text: str) -> None:
    """What a program would write for a number with a fraction is nobody's phone number."""
    try:
        e164 = to_e164(text)
    except InvalidNumber:
        return
    assert repr(float(text)) != text if text.count(".") == 1 else True
    assert ("98" + text.replace(".", "")).endswith(e164[3:])


@given(st.sampled_from(FOREIGN_MOBILES), st.data())
def test_no_digit_is_ever_invented(number: phonenumbers.PhoneNumber, data: st.DataObject) -> None:
    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    place = data.draw(st.integers(1, len(e164)))
    written = e164[:place] + data.draw(st.text("0123456789", max_size=3)) + e164[place:]
    try:
        found = to_e164(written)
    except InvalidNumber:
        return
    rest = iter(written)
    assert all(character in rest for character in found)


@given(st.sampled_from(FOREIGN_MOBILES))
def test_a_number_has_one_country(number: phonenumbers.PhoneNumber) -> None:
    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    assert country_of(e164) in COUNTRIES
    assert country_of("+989121234567") == "IR"
