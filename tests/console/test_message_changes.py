"""What is done to all messages of a filter: counted first, then done to those that it can be done to."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import Connection

from notifyhub.auth.models import Role
from notifyhub.console import message_changes
from notifyhub.database.base import now
from notifyhub.extensions import db
from notifyhub.messages.events import MessagesDue, MessagesRetried
from notifyhub.messages.models import ERASED, Message
from tests.console.test_messages import make
from tests.support.console import Console
from tests.support.environment import slow_on_postgresql
from tests.support.events import subscribed

pytestmark = slow_on_postgresql


def statuses(app: Flask) -> list[str]:
    with app.app_context():
        return [message.status for message in db.session.query(Message).order_by(Message.id)]


def test_those_that_wait_are_counted_and_cancelled(operator: Console, app: Flask) -> None:
    for status in ("scheduled", "queued", "sent", "failed"):
        make(app, status=status)
    make(app, status="sending", lease_until=None)
    make(app, status="sending", lease_until=now() + timedelta(minutes=1), lease_token="x")
    page = operator.get("/messages/all/cancel")
    assert "Messages that can be cancelled: 3." in page.text
    assert statuses(app).count("cancelled") == 0
    page = operator.follow(operator.post("/messages/all/cancel"))
    assert "Cancelled: 3." in page.text
    assert statuses(app) == ["cancelled", "cancelled", "sent", "failed", "cancelled", "sending"]


def test_those_of_the_filter_alone_are_sent_anew(operator: Console, app: Flask) -> None:
    due: list[int] = []
    retried: list[int] = []
    ids = [make(app, status=status, reference="r", next_attempt_at=None) for status in ("failed", "expired")]
    make(app, status="failed", next_attempt_at=None)
    make(app, status="failed", next_attempt_at=None, reference="r", otp_id=1)
    make(app, status="failed", next_attempt_at=None, reference="r", recipient=ERASED)
    page = operator.get("/messages/all/retry?reference=r")
    assert "can be sent anew: 2." in page.text
    assert "Reference: r" in page.text

    def hear(_connection: Connection, event: MessagesDue) -> None:
        due.extend(event.ids)

    def hear_retried(_connection: Connection, event: MessagesRetried) -> None:
        retried.extend(event.created_at)

    with subscribed(MessagesDue, hear), subscribed(MessagesRetried, hear_retried):
        operator.post("/messages/all/retry?reference=r")
    assert sorted(due) == sorted(retried) == ids
    assert statuses(app) == ["queued", "queued", "failed", "failed", "failed"]
    assert "can be sent anew: 0." in operator.get("/messages/all/retry?reference=r").text


def test_a_filter_by_a_state_that_can_not_be_left_has_none(operator: Console, app: Flask) -> None:
    make(app, status="failed")
    assert "can be sent anew: 0." in operator.get("/messages/all/retry?status=sent").text
    operator.post("/messages/all/retry?status=sent,cancelled")
    assert statuses(app) == ["failed"]


def test_no_more_than_some_are_done_at_once_and_what_is_left_is_said(
    operator: Console, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(message_changes, "PORTION", 2)
    monkeypatch.setattr(message_changes, "PORTIONS", 2)
    monkeypatch.setattr(message_changes, "MAX_COUNTED", 3)
    for _ in range(9):
        make(app, status="queued")
    assert "more than 3" in operator.get("/messages/all/cancel").text
    page = operator.post("/messages/all/cancel?channel=sms")
    assert page.location == "/console/messages/all/cancel?channel=sms"
    assert "Cancelled: 4. Left: more than 3." in operator.follow(page).text
    assert statuses(app) == ["queued"] * 5 + ["cancelled"] * 4  # the newest first


def test_a_test_token_changes_messages_of_test_tokens_alone(
    signed_in: Callable[..., Console], app: Flask
) -> None:
    make(app, status="queued")
    make(app, status="queued", is_test=True)
    tester = signed_in(Role.ADMIN, test=True)
    assert "can be cancelled: 1." in tester.get("/messages/all/cancel").text
    assert "can be cancelled: 0." in tester.get("/messages/all/cancel?test=false").text
    tester.post("/messages/all/cancel")
    assert statuses(app) == ["queued", "cancelled"]


def test_a_filter_that_is_none_changes_nothing(operator: Console, app: Flask) -> None:
    make(app, status="queued")
    for page in (operator.get("/messages/all/cancel?batch=x"), operator.post("/messages/all/cancel?batch=x")):
        assert page.location == "/console/messages?batch=x"
    assert operator.get("/messages/all/erase").status == 404
    assert operator.client.post("/console/messages/all/cancel").status_code == 400
    assert statuses(app) == ["queued"]
