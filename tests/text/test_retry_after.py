from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifyhub.text.retry_after import parse

AT = datetime(2025, 3, 1, 12, tzinfo=UTC)
MOST = timedelta(minutes=5)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7),
        (" 007 ", 7),
        ("0", 0),
        ("9" * 400, 300),
        ("Sat, 01 Mar 2025 12:00:09 GMT", 9),
        ("Sat, 01 Mar 2025 15:30:09 +0330", 9),
        ("Sat, 01 Mar 2025 12:00:09", 9),
        ("Sat, 01 Mar 2025 11:00:00 GMT", 0),
        ("Sat, 01 Mar 9999 13:00:00 GMT", 300),
        *((odd, None) for odd in (None, "", "-5", "1.5", "۱۲۰", "soon", "NaN", "1e3")),
    ],
)
def test_seconds_and_dates_are_understood_within_a_bound(header: str | None, seconds: int | None) -> None:
    assert parse(header, AT, MOST) == (None if seconds is None else timedelta(seconds=seconds))


@given(st.text() | st.from_regex(r"[A-Z][a-z]{2}, \d{1,4} Dec \d{1,30} \d\d:\d\d:\d{1,30} [+-]?\w{1,9}"))
def test_whatever_a_server_writes_is_a_bounded_time_or_none(header: str) -> None:
    wait = parse(header, AT, MOST)
    assert wait is None or timedelta() <= wait <= MOST
