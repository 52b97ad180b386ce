"""Columns: which holds what."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifyhub.campaigns.recipient_files import columns
from notifyhub.campaigns.recipient_files.table import Row


def rows(*cells: tuple[str, ...]) -> list[Row]:
    return [Row(number, one) for number, one in enumerate(cells, 1)]


@pytest.mark.parametrize(
    ("first", "expected"),
    [
        (("موبایل", "نام"), True),
        (("mobile", "code 1"), True),
        (("09121234567", "علی"), False),
        (("9121234567", "علی"), False),
        (("علی", "sara@example.com"), False),
        (("علی", "۱۲۳"), False),
        (("نام", "نام خانوادگی"), True),
    ],
)
def test_a_first_row_without_recipients_and_numbers_is_a_header(
    first: tuple[str, ...], expected: bool
) -> None:
    assert columns.has_header(rows(first, ("09121234567", "x"))) is expected


@pytest.mark.parametrize(
    "name", ["موبایل", "شماره همراه", "شماره‌موبایل", "Mobile", "PHONE_NUMBER", "تلفن", "شماره", "تلفن  همراه"]
)
def test_the_recipients_are_found_by_the_name_of_the_column(name: str) -> None:
    table = rows(("", "", ""), ("", "", ""))
    assert columns.guess_recipient(["نام", name, "کد"], table, "sms") == 1


@pytest.mark.parametrize(
    ("channel", "expected"),
    [("sms", 1), ("email", 2)],
)
def test_the_recipients_are_found_by_content(channel: str, expected: int) -> None:
    table = rows(("12345678", "9121234567", "sara@example.com"), ("1", "۰۹۱۲ ۱۲۳ ۴۵۶۷", "x@example.com"))
    assert columns.guess_recipient(["A", "B", "C"], table, channel) == expected


def test_of_two_columns_of_numbers_the_mobile_is_meant_before_the_telephone() -> None:
    table = rows(("09121234567", "09121234568"))
    assert columns.guess_recipient(["تلفن", "موبایل"], table, "sms") == 1


def test_content_counts_before_a_name() -> None:
    table = rows(("02188776655", "09121234568"), ("02188776656", "09121234568"))
    assert columns.guess_recipient(["تلفن", "رابط"], table, "sms") == 1


def test_where_nothing_is_a_recipient_none_is_guessed() -> None:
    assert columns.guess_recipient(["نام", "کد"], rows(("علی", "1")), "sms") is None


@pytest.mark.parametrize(
    ("placeholders", "names", "free", "expected"),
    [
        (["name", "code"], ["to", "Code", "Name"], [1, 2], [2, 1]),
        (["نام"], ["موبایل", "كد", "نام"], [1, 2], [2]),
        (["كد"], ["موبایل", "کد"], [1], [1]),
        (["0", "1"], ["to", "متن ۱", "متن ۰"], [1, 2], [2, 1]),
        (["0", "1"], ["to", "A", "B"], [1, 2], [1, 2]),
        (["a", "b", "c"], ["to", "b"], [1], [None, 1, None]),
        (["a"], ["to"], [], [None]),
        ([], ["to", "b"], [1], []),
    ],
)
def test_placeholders_get_the_column_of_their_name_else_the_next(
    placeholders: list[str], names: list[str], free: list[int], expected: list[int | None]
) -> None:
    assert columns.guess_args(placeholders, names, free) == expected


@given(st.lists(st.text(max_size=5), max_size=6), st.lists(st.text(max_size=5), max_size=6))
def test_no_column_serves_two_placeholders_by_guess(placeholders: list[str], names: list[str]) -> None:
    guessed = columns.guess_args(placeholders, names, range(len(names)))
    taken = [column for column in guessed if column is not None]
    assert len(guessed) == len(placeholders)
    assert len(set(taken)) == len(taken) == min(len(placeholders), len(names))


@pytest.mark.parametrize(
    ("index", "name"), [(0, "A"), (25, "Z"), (26, "AA"), (51, "AZ"), (701, "ZZ"), (702, "AAA")]
)
def test_columns_without_a_name_have_that_of_spreadsheets(index: int, name: str) -> None:
    assert columns.letter(index) == name


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ("9121234567.0", "9121234567"),
        ("989121234567.00", "989121234567"),
        ("0912.123.4567", "0912.123.4567"),
        ("9121234567.5", "9121234567.5"),
        ("912123456.0", "912123456.0"),
        ("a.b", "a.b"),
    ],
)
def test_a_number_with_a_fraction_of_nothing_is_whole(cell: str, text: str) -> None:
    assert columns.recipient_text(cell) == text
