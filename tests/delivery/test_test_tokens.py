"""Messages of test tokens: as the real thing, but that no provider ever sees them."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from flask import Flask

from notifyhub.database.base import now
from notifyhub.delivery.models import CircuitBreaker
from notifyhub.delivery.reports import claim_due, fetch
from notifyhub.delivery.rounds import deliver
from notifyhub.extensions import db
from notifyhub.messages.models import MessageStatus
from notifyhub.providers.sandbox import FAILS, FAILS_TWICE, UNREPORTED
from tests.support.clients import Api
from tests.support.rows import attempts, context, message, scripted_notifier
from tests.support.scripted import Scripted

URL = "/api/notifications/messages"


@pytest.fixture
def sandbox(app: Flask, token: Callable[..., str]) -> Api:
    """The client of a test token."""
    return Api(app.test_client(), token(test=True))


def follow(app: Flask, message_id: int, *, delete: Any = None) -> list[str]:
    """Take a message to its end as workers do, over more than 72 hours; return its outcomes."""
    with context(app), time_machine.travel(now(), tick=False) as clock:
        if delete:
            db.session.delete(delete)
            db.session.commit()
        for _ in range(200):
            row = message(message_id)
            if row.next_attempt_at:
                clock.move_to(max(row.next_attempt_at, now()))
                deliver(message_id)
            elif row.report_due_at:
                clock.move_to(row.report_due_at)
                for ids in claim_due():
                    fetch(ids)
            else:
                break
        else:
            pytest.fail("The message comes to no end.")
        assert db.session.query(CircuitBreaker).count() == 0
        db.session.rollback()
        return [str(outcome) for _, _, outcome in attempts(message_id)]


@pytest.mark.parametrize(
    ("to", "status", "outcomes"),
    [
        ("+989121234567", MessageStatus.DELIVERED, ["accepted"]),
        (FAILS, MessageStatus.FAILED, ["permanent"]),
        ("09000000001", MessageStatus.FAILED, ["permanent"]),
        (FAILS_TWICE, MessageStatus.DELIVERED, ["temporary", "temporary", "accepted"]),
        (UNREPORTED, MessageStatus.SENT, ["accepted"]),
    ],
)
def test_each_fixed_number_has_its_fate(
    app: Flask, sandbox: Api, scripted: type[Scripted], to: str, status: MessageStatus, outcomes: list[str]
) -> None:
    with context(app):
        notifier = scripted_notifier("n")
    sent = sandbox.post(URL, {"channel": "sms", "to": to, "text": "Hello", "notifier": notifier.id})
    assert (sent.status, sent.json["test"]) == (201, True)
    assert follow(app, sent.json["id"]) == outcomes
    shown = sandbox.get(f"{URL}/{sent.json['id']}").json
    assert shown["status"] == status
    assert bool(shown["delivered_at"]) == (status == MessageStatus.DELIVERED)
    assert scripted.sent["n"] == []
    assert scripted.asked == []


def test_a_live_token_s_message_to_a_fixed_number_goes_to_the_provider(
    app: Flask, api: Api, scripted: type[Scripted]
) -> None:
    with context(app):
        notifier = scripted_notifier("n")
    sent = api.post(URL, {"channel": "sms", "to": FAILS, "text": "Hello", "notifier": notifier.id})
    with context(app):
        deliver(sent.json["id"])
    assert [sms.to for sms in scripted.sent["n"]] == [FAILS]


def test_a_sent_message_is_delivered_though_its_notifier_was_deleted(
    app: Flask, sandbox: Api, scripted: type[Scripted]
) -> None:
    with context(app):
        notifier = scripted_notifier("n")
    sent = sandbox.post(URL, {"channel": "sms", "to": FAILS_TWICE, "text": "Hi", "notifier": notifier.id})
    message_id = sent.json["id"]
    with context(app), time_machine.travel(now(), tick=False) as clock:
        for _ in range(3):
            deliver(message_id)
            clock.shift(timedelta(minutes=1))
        assert message(message_id).status == MessageStatus.SENT
    follow(app, message_id, delete=notifier)
    with context(app):
        assert message(message_id).status == MessageStatus.DELIVERED
