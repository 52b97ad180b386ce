"""Trouble told truly: what the rows and the log say when messages can't go out as they should."""

import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from sqlalchemy import text

from notifyhub.delivery import journal, policies
from notifyhub.delivery.rounds import deliver
from notifyhub.extensions import db
from notifyhub.logs import LogThrottle
from notifyhub.messages.models import MessageStatus
from notifyhub.notifiers.models import SMSNotifier
from notifyhub.patterns.models import PatternStatus
from tests.simulators import MeliPayamakSimulator, melipayamak
from tests.support.clients import Api
from tests.support.factories import MessageFactory, SMSNotifierFactory, SMSPatternFactory
from tests.support.rows import attempts, change_settings, message, scripted_notifier
from tests.support.scripted import Scripted

START = datetime(2026, 3, 21, 12, tzinfo=UTC)
URL = "/api/notifications/messages"

pytestmark = pytest.mark.usefixtures("_simulated", "_context", "_spoken")


@pytest.fixture
def _spoken(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(journal, "_repeated", LogThrottle(30))
    caplog.set_level(logging.INFO, "notifyhub")


def send(notifier: SMSNotifier, **values: Any) -> int:
    message_id: int = MessageFactory(notifier=notifier, **values).id
    deliver(message_id)
    return message_id


def error(id: int) -> tuple[str, str | None]:
    row = message(id)
    return row.status, row.error_code


def test_texts_without_a_line_wait_and_go_out_once_it_is_set(console: MeliPayamakSimulator) -> None:
    with time_machine.travel(START, tick=False) as clock:
        home = SMSNotifierFactory(name="console", settings={"token": melipayamak.TOKEN})
        change_settings(max_attempts=50)
        waiting = [send(home) for _ in range(7)]
        assert [error(each) for each in waiting] == [(MessageStatus.SENDING, "bad_settings")] * 5 + [
            (MessageStatus.SENDING, "notifier_resting")
        ] * 2
        clock.shift(timedelta(seconds=1))
        home.settings = {"token": melipayamak.TOKEN, "number": melipayamak.NUMBER}
        db.session.add(home)
        db.session.commit()
        for _ in range(3):
            clock.shift(timedelta(seconds=60))
            for each in waiting:
                deliver(each)
        assert {message(each).status for each in waiting} == {MessageStatus.SENT}


def test_settings_that_no_key_decrypts_are_left_to_the_backup(scripted: type[Scripted]) -> None:
    home, spare = scripted_notifier("a"), scripted_notifier("b")
    change_settings(sms_backup_notifiers=[spare.id])
    message_id = MessageFactory(notifier=home).id
    with db.engine.begin() as connection:
        garbled = text("UPDATE sms_notifiers SET settings = 'garbled' WHERE id = :id")
        connection.execute(garbled, {"id": home.id})
    deliver(message_id)
    assert attempts(message_id) == [(1, "a", "temporary"), (1, "b", "accepted")]


@pytest.mark.parametrize("place", ["policies.in_force", "routing.backup_routes"])
def test_an_error_of_the_service_itself_ends_the_round_at_once(
    scripted: type[Scripted], monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    home = scripted_notifier("a", "temporary")
    count = []
    real = policies.in_force

    def fail_once(*args: Any) -> Any:
        count.append(1)
        if len(count) == 1:
            raise KeyError("secret")
        return real() if "policies" in place else []

    monkeypatch.setattr(f"notifyhub.delivery.{place}", fail_once)
    message_id = send(home)
    row = message(message_id)
    assert (row.status, row.error_code, row.lease_token) == (MessageStatus.SENDING, "internal_error", None)
    assert attempts(message_id) == [(1, "a", "temporary")]


def test_what_waits_says_for_what_and_can_be_cancelled(scripted: type[Scripted], api: Api) -> None:
    with time_machine.travel(START, tick=False):
        home = scripted_notifier("main", *["trouble"] * 5)
        first, *_, last = [send(home) for _ in range(6)]
        tried, resting = (api.get(f"{URL}/{each}").json for each in (first, last))
        assert (tried["status"], tried["error"]) == (
            "sending",
            {"code": "unavailable", "detail": "Out of order."},
        )
        assert tried["next_attempt_at"] > tried["updated_at"]
        assert resting["error"] == {
            "code": "notifier_resting",
            "detail": "The notifier main rests until 2026-03-21T12:00:30.000000Z.",
        }
        assert resting["next_attempt_at"] >= "2026-03-21T12:00:30"
        assert resting["attempts"] == []
        for each in (first, last):
            assert api.post(f"{URL}/{each}/cancel").json["status"] == "cancelled"
            deliver(each)
            assert message(each).status == MessageStatus.CANCELLED


def test_a_backup_without_the_pattern_is_named_in_the_error_and_the_log(
    scripted: type[Scripted], caplog: pytest.LogCaptureFixture
) -> None:
    home, spare = scripted_notifier("home", "not_here"), scripted_notifier("spare")
    change_settings(sms_backup_notifiers=[spare.id])
    own = SMSPatternFactory(notifier_id=home.id, name="otp", body="Code {0}", status=PatternStatus.APPROVED)
    row = message(send(home, pattern=own, args=["12345"], text="Code 12345"))
    words = "The backup spare was passed over: it has no approved pattern otp."
    assert (row.status, row.error_detail) == (MessageStatus.FAILED, f"Never heard of it. {words}")
    assert row.attempts[0].error_detail == "Never heard of it."
    assert "no approved pattern otp" in caplog.text


def test_the_log_tells_what_happens_without_recipients_texts_and_words_of_providers(
    scripted: type[Scripted], caplog: pytest.LogCaptureFixture
) -> None:
    with time_machine.travel(START, tick=False) as clock:
        home, spare = scripted_notifier("main", *["trouble"] * 5), scripted_notifier("spare")
        change_settings(sms_backup_notifiers=[spare.id])
        first = send(home)
        for _ in range(20):
            send(home)
        Scripted.script("spare", ["refused"])
        refused = send(home)
        clock.shift(timedelta(seconds=31))
        send(home)
    lines = [record.getMessage() for record in caplog.records if record.name == "notifyhub.delivery"]
    assert lines[0].startswith(
        f"Message {first} was not taken by sms notifier {home.id} (main): temporary, unavailable, after "
    )
    assert lines[1].startswith(f"Message {first} was taken by the backup sms notifier {spare.id} (spare)")
    (rests,) = [line for line in lines if "rests until" in line]
    assert f"sms notifier {home.id} (main) rests until" in rests
    assert "after 5 failures in a row, the last one unavailable" in rests
    assert f"Message {refused} has failed after 1 rounds: blacklisted" in lines
    assert lines[-1] == f"The sms notifier {home.id} (main) has recovered"
    assert len(lines) == 5 * 2 + 1 + 1 + 2 + 1  # what rests is told once, and its backup's taking over, too
    for secret in ("09121234567", "9121234567", "Your order", "Not to this one", "Out of order"):
        assert secret not in caplog.text
