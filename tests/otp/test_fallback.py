"""The fallback: the other channel, when the first message has failed for good while the code lives."""

import logging
from typing import Any

import pytest
import time_machine

from notifyhub.delivery import reports
from notifyhub.delivery.due_messages import deliver
from notifyhub.extensions import db
from notifyhub.messages.events import MessagesDue
from notifyhub.messages.models import Message, MessageStatus
from notifyhub.providers.base import Report
from notifyhub.providers.sandbox import FAILS
from tests.otp.codes import NUMBER, Codes, wrong
from tests.support.events import subscribed
from tests.support.factories import SMSNotifierFactory
from tests.support.scripted import NAME, Scripted

EMAIL = {"channel": "email", "to": "Customer@example.com"}


def messages(codes: Codes) -> list[tuple[str, str, str]]:
    return [(one.channel, one.recipient, one.status) for one in codes.messages()]


def test_the_code_goes_out_by_the_other_channel(codes: Codes) -> None:
    heard: list[Any] = []
    made = codes.issued(FAILS, fallback=EMAIL)
    with subscribed(MessagesDue, lambda _connection, event: heard.append(event)):
        codes.deliver(made["message"])
    first, second = codes.messages()
    assert heard == [MessagesDue([second.id], urgent=True)]
    assert (first.status, second.status) == (MessageStatus.FAILED, MessageStatus.QUEUED)
    assert (second.channel, second.recipient, second.otp_id) == (
        "email",
        "customer@example.com",
        made["id"],
    )
    assert (second.is_test, second.expires_at) == (True, first.expires_at)
    assert "•••••" in (second.text or "")
    shown = codes.show(made["id"])
    assert (shown["channel"], shown["to"], shown["message"]) == ("sms", "+98900•••0001", second.id)
    assert codes.deliver(second.id).status == MessageStatus.SENT
    assert codes.guess(made["code"], FAILS)["verified"]


def test_an_sms_can_be_the_fallback_and_has_the_origin(live: Codes) -> None:
    live.settings(sms_text="{code}")
    made = live.issued(
        "customer@example.com",
        channel="email",
        origin="https://example.com",
        fallback={"channel": "sms", "to": "0912 123 4567"},
    )
    fail(live, made["message"])
    assert [(one.recipient, one.text) for one in live.messages()[1:]] == [
        (NUMBER, "•••••\n@example.com #•••••")
    ]


def fail(codes: Codes, message_id: int) -> None:
    """Have nothing to send a message with: its notifier is gone."""
    with codes.app.app_context():
        message = db.session.get_one(Message, message_id)
        message.home_notifier_id = 10**9
        db.session.commit()
        deliver([message_id])


def test_a_message_that_is_reported_undelivered_has_failed_for_good(
    live: Codes, scripted: type[Scripted]
) -> None:
    with live.app.app_context():
        home = SMSNotifierFactory(name="home", backend=NAME, settings={"token": "home"}).id
    live.settings(sms_notifier_id=home)
    made = live.issued(fallback=EMAIL)
    live.deliver(made["message"])
    assert messages(live) == [("sms", NUMBER, MessageStatus.SENT)]
    Scripted.told["home-1"] = Report("undelivered", "blacklisted")
    with live.app.app_context():
        message = db.session.get_one(Message, made["message"])
        message.report_due_at = message.created_at
        db.session.commit()
        for ids in reports.claim_due():
            reports.fetch(ids)
    assert messages(live) == [
        ("sms", NUMBER, MessageStatus.UNDELIVERED),
        ("email", "customer@example.com", MessageStatus.QUEUED),
    ]


@pytest.mark.parametrize("ending", ["verified", "cancelled", "blocked", "expired"])
def test_a_code_that_is_over_needs_no_fallback(
    codes: Codes, clock: time_machine.Traveller, ending: str
) -> None:
    codes.settings(max_attempts=1)
    made = codes.issued(FAILS, fallback=EMAIL)
    if ending == "expired":
        clock.shift(120)
    elif ending == "cancelled":
        codes.cancel(made["id"])
    else:
        codes.guess(made["code"] if ending == "verified" else wrong(made["code"]), FAILS)
    codes.deliver(made["message"])
    assert len(codes.messages()) == 1


def test_without_one_nothing_else_is_sent(codes: Codes) -> None:
    codes.deliver(codes.issued(FAILS)["message"])
    assert len(codes.messages()) == 1


def test_each_request_has_its_fallback_and_earlier_messages_none(codes: Codes) -> None:
    codes.settings(resend_cooldown=0)
    first = codes.issued(FAILS, fallback=EMAIL)["message"]
    codes.deliver(first)
    second = codes.ask(FAILS, fallback=EMAIL).json["message"]
    third = codes.ask(FAILS, fallback=EMAIL).json["message"]
    assert codes.message(second).status == MessageStatus.CANCELLED
    codes.deliver(third)
    assert [one.id for one in codes.messages() if one.channel == "email"] == [first + 1, third + 1]


def test_a_message_that_fails_after_the_code_was_sent_again_has_none(codes: Codes) -> None:
    codes.settings(resend_cooldown=0)
    first = codes.issued(FAILS, fallback=EMAIL)["message"]
    with codes.app.app_context():  # a worker has taken it up
        db.session.get_one(Message, first).status = MessageStatus.SENDING
        db.session.commit()
    codes.ask(FAILS, fallback=EMAIL)
    assert codes.deliver(first).status == MessageStatus.FAILED
    assert {one.channel for one in codes.messages()} == {"sms"}


def test_the_hourly_limit_holds_for_fallbacks_too(codes: Codes, caplog: pytest.LogCaptureFixture) -> None:
    codes.settings(max_per_hour=2)
    for purpose in ("sign-up", "payment"):
        codes.issued(EMAIL["to"], channel="email", purpose=purpose)
    made = codes.issued(FAILS, fallback=EMAIL)
    assert codes.deliver(made["message"]).status == MessageStatus.FAILED
    assert len(codes.messages()) == 3
    assert f"The fallback of one-time password {made['id']} is over the hourly limit" in caplog.text
    assert "example.com" not in caplog.text


def test_a_fallback_counts_for_its_recipient(codes: Codes) -> None:
    codes.settings(max_per_hour=1)
    codes.deliver(codes.issued(FAILS, fallback=EMAIL)["message"])
    assert codes.ask(EMAIL["to"], channel="email").status == 429


def test_settings_that_can_no_longer_send_it_are_told_to_the_operator(
    codes: Codes, caplog: pytest.LogCaptureFixture
) -> None:
    made = codes.issued(FAILS, fallback=EMAIL)
    codes.settings(email_notifier_id=None)
    assert codes.deliver(made["message"]).status == MessageStatus.FAILED
    assert len(codes.messages()) == 1
    assert "notifications_email_notifier" in caplog.text
    (told,) = [record for record in caplog.records if record.name == "notifyhub.otp.fallback"]
    assert told.levelno == logging.WARNING
