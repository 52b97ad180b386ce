"""Moments as clients write them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifyhub.text.moments import in_utc, parse

TEHRAN = timezone(timedelta(hours=3, minutes=30))
TEN = datetime(2026, 3, 1, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-03-01T10:00:00Z", TEN),
        ("2026-03-01T10:00Z", TEN),
        ("2026-03-01 10:00:00Z", TEN),
        ("2026-03-01T10:00:00", datetime(2026, 3, 1, 10)),  # noqa: DTZ001
        ("2026-03-01", datetime(2026, 3, 1)),  # noqa: DTZ001
        ("2026-3-1T9:5:7Z", datetime(2026, 3, 1, 9, 5, 7, tzinfo=UTC)),
        ("2026-03-01T10:00:00.5Z", TEN.replace(microsecond=500_000)),
        ("2026-03-01T10:00:00,5Z", TEN.replace(microsecond=500_000)),
        ("2026-03-01T10:00:00.1234567Z", TEN.replace(microsecond=123_456)),
        ("2026-03-01T10:00:00.123456789Z", TEN.replace(microsecond=123_456)),
        ("2026-03-01T10:00:00.9999999Z", TEN.replace(microsecond=999_999)),
        (f"2026-03-01T10:00:00.{'1' * 30} Z", TEN.replace(microsecond=111_111)),
        ("2026-03-01T13:00:00+03", TEN),
        ("2026-03-01T13:30:00+0330", TEN),
        ("2026-03-01 10:00:00+00", TEN),
        ("2026-03-01 13:30:00 +0330", TEN),
        ("2026-03-01T13:30:00 +03:30", TEN),
        ("2026-03-01T07:00:00 -03", TEN),
        ("۲۰۲۶-۰۳-۰۱T۱۰:۰۰:۰۰Z", TEN),
    ],
)
def test_a_moment_is_read_as_liberally_as_by_django(text: str, moment: datetime) -> None:
    assert parse(text) == moment


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "2026-02-30T10:00:00Z",
        "2026-03-01T25:00:00Z",
        "2026-03-01T10:00:00 +3",
        "2026-03-01T10:00:00 +24:00",
        "2026-03-01T10:00:00ZZ",
        "10:00:00Z",
        f"2026-03-01T10:00:00.{'1' * 300}Z",
    ],
)
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - its words are the caller's
        parse(text)


@given(
    st.datetimes(timezones=st.sampled_from([UTC, TEHRAN])), st.sampled_from("T "), st.sampled_from(["", " "])
)
def test_any_moment_is_read_as_it_is_written(moment: datetime, between: str, blank: str) -> None:
    written = moment.isoformat(between)
    assert parse(written[:-6] + blank + written[-6:]) == moment


def test_a_moment_without_a_zone_is_in_utc() -> None:
    assert in_utc(datetime(2026, 3, 1, 10)) == TEN  # noqa: DTZ001
    assert in_utc(datetime(2026, 3, 1, 13, 30, tzinfo=TEHRAN)) == TEN
    with pytest.raises(OverflowError):
        in_utc(datetime.min.replace(tzinfo=TEHRAN))
