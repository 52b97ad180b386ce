"""How many of the codes that were asked for came back right."""

from datetime import timedelta

import pytest
from flask import Flask

from notifyhub.database.base import now
from notifyhub.database.connections import autocommit
from notifyhub.otp.conversion import conversions
from notifyhub.otp.models import OTPStatus
from tests.support.factories import OTPFactory
from tests.support.plans import explained, forget_statistics

HOUR = timedelta(hours=1)


@pytest.mark.parametrize(("is_test", "expected"), [(False, [(2, 1), (4, 2), (0, 0)]), (True, [(1, 1)] * 2)])
def test_codes_are_counted_in_each_span(app: Flask, is_test: bool, expected: list[tuple[int, int]]) -> None:
    with app.app_context():
        for status, hours in (
            (OTPStatus.VERIFIED, 0.5),
            (OTPStatus.PENDING, 0.5),
            (OTPStatus.VERIFIED, 1.5),
            (OTPStatus.BLOCKED, 1.5),
            (OTPStatus.VERIFIED, 5),
        ):
            OTPFactory(status=status, created_at=now() - hours * HOUR)
        OTPFactory(created_at=now() - 0.5 * HOUR, is_test=True)
        end = now()
        spans = [(end - HOUR, end), (end - 2 * HOUR, end), (end - 4 * HOUR, end - 3 * HOUR)]
        assert conversions(autocommit(), spans[: len(expected)], is_test=is_test) == expected


def test_each_span_reads_its_range_of_an_index(app: Flask) -> None:
    forget_statistics(app, "otps")
    with app.app_context(), explained(app) as plans:
        conversions(autocommit(), [(now() - HOUR, now())], is_test=False)
    (plan,) = plans
    assert "ix_otps_created" in plan
