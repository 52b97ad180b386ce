"""Days and moments as people write them."""

from datetime import date, time

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from persiantools import digits
from persiantools.jdatetime import JalaliDate

from notifyhub.console import moments
from notifyhub.console.moments import Written, read

NOON = time(12, 5)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("2026-11-26", Written(date(2026, 11, 26), None)),
        ("۱۴۰۵/۰۹/۰۵", Written(date(2026, 11, 26), None)),
        ("١٤٠٥/٩/٥", Written(date(2026, 11, 26), None)),
        ("1405.9.5 12:05", Written(date(2026, 11, 26), NOON)),
        ("۵", None),
        ("1405-09-05T12:05", Written(date(2026, 11, 26), NOON)),
        ("\u200f۱۴۰۵/۰۹/۰۵، ۱۲:۰۵:۰۰\u200f ", Written(date(2026, 11, 26), NOON)),
        ("1405/12/30", None),  # no leap year
        ("1403/12/30", Written(date(2025, 3, 20), None)),
        ("2026-02-30", None),
        ("2026-11-26 25:00", None),
        ("0000-01-01", None),
        ("tomorrow", None),
        ("", None),
        ("2026-11-26T12:05:00Z", None),  # the API's own
    ],
)
def test_a_day_is_read_in_both_calendars(text: str, written: Written | None) -> None:
    if written is None:
        with pytest.raises(ValueError):  # noqa: PT011 - it has the text alone
            read(text)
    else:
        assert read(text) == written


@given(st.dates(date(1900, 1, 1), date(2200, 1, 1)))
def test_a_day_in_persian_is_the_day(day: date) -> None:
    jalali = JalaliDate.to_jalali(day).strftime("%Y/%m/%d")
    assert read(digits.en_to_fa(jalali)).day == read(day.isoformat()).day == day


@pytest.mark.parametrize(
    ("language", "shown"),
    [("fa", ("1405/09/05", "1405/09/05 10:30")), ("en", ("2026-11-26", "2026-11-26 10:30"))],
)
def test_what_is_written_is_a_moment_of_the_operators_zone_and_is_shown_as_it_was(
    app: Flask, language: str, shown: tuple[str, str]
) -> None:
    with app.test_request_context("/console", headers={"Accept-Language": language}):
        assert moments.first_moment("۱۴۰۵/۰۹/۰۵") == "2026-11-26T00:00:00+03:30"
        assert moments.last_moment("2026-11-26") == "2026-11-26T23:59:59.999999+03:30"
        assert moments.last_moment("2026-11-26 10:30") == "2026-11-26T10:30:00+03:30"
        assert moments.first_moment("nonsense") == "nonsense"
        for moment in ("2026-11-26T00:00:00+03:30", "2026-11-26T23:59:59.999999+03:30"):
            assert moments.as_written(moment) == shown[0]
        assert moments.as_written("2026-11-26T07:00:00Z") == shown[1]
        assert moments.as_written("9999-12-31T23:59:59.999999+03:30") == "9999-12-31"
        assert moments.as_written("0300-01-01T00:00:00Z").startswith("0300-01-01")
        for other in ("nonsense", "", "2026-11-26"):
            assert moments.as_written(other) == other
