"""Forgetting: one-time passwords are kept for a day after their term."""

import pytest
import time_machine

from notifyhub.database import purge
from notifyhub.extensions import db
from notifyhub.jobs.tasks import beat_schedule
from notifyhub.otp import tasks
from notifyhub.otp.models import OTP
from tests.otp.codes import Codes


def test_what_is_over_for_a_day_is_forgotten(
    codes: Codes, clock: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(purge, "BATCH", 2)
    made = [codes.issued(f"0912000000{number}") for number in range(5)]
    codes.guess(made[0]["code"], "09120000000")
    clock.shift(60)
    late = codes.issued("09121234567")
    clock.shift(86_400 + 60)
    with codes.app.app_context():
        tasks.purge_otps()
        left = [row.id for row in db.session.query(OTP)]
    assert left == [late["id"]]
    assert codes.guess(made[1]["code"], id=made[1]["id"])["reason"] == "not_found"
    assert codes.issued("09120000000")["id"] > late["id"]


def test_it_happens_every_ten_minutes() -> None:
    assert beat_schedule()["notifyhub.purge_otps"]["schedule"] == 600
