"""The request that made a message is named in what is said of it, and to its provider."""

import logging
from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import update

from notifyhub.delivery import journal, recovery
from notifyhub.delivery.reports import fetch
from notifyhub.delivery.rounds import claim as claim_messages
from notifyhub.delivery.rounds import deliver, give_rounds
from notifyhub.extensions import db
from notifyhub.jobs import queues
from notifyhub.logs import LogThrottle
from notifyhub.messages.models import Message, MessageStatus
from notifyhub.providers.base import Report
from tests.messages.accounts import MESSAGES, make_accounts
from tests.support.clients import Api
from tests.support.factories import MessageFactory
from tests.support.rows import context, message, scripted_notifier
from tests.support.scripted import Scripted

ID = "request-of-1234"


@pytest.fixture(autouse=True)
def _spoken(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(journal, "_repeated", LogThrottle(30))
    monkeypatch.setattr(queues.Publisher, "publish", lambda *_: True)
    caplog.set_level(logging.INFO, "notifyhub.delivery")


def named(caplog: pytest.LogCaptureFixture) -> list[str | None]:
    """Return the requests that the lines about messages name."""
    lines = [record for record in caplog.records if record.name == "notifyhub.delivery"]
    return [getattr(line, "request_id", None) for line in lines if "essage" in line.getMessage()]


@pytest.mark.parametrize("word", ["temporary", "refused", "uncertain", "trouble"])
def test_the_line_of_an_attempt_that_failed_names_it(
    app: Flask, scripted: type[Scripted], caplog: pytest.LogCaptureFixture, word: str
) -> None:
    with context(app):
        deliver(MessageFactory(notifier=scripted_notifier("main", word), request_id=ID).id)
    assert named(caplog)
    assert set(named(caplog)) == {ID}


def test_the_line_of_a_message_that_was_not_delivered_names_it(
    app: Flask, scripted: type[Scripted], caplog: pytest.LogCaptureFixture
) -> None:
    with context(app):
        id_ = MessageFactory(notifier=scripted_notifier("main"), request_id=ID).id
        deliver(id_)
        scripted.told = {str(message(id_).provider_message_id): Report("undelivered", "absent", "Not there.")}
        fetch([id_])
        assert message(id_).status == MessageStatus.UNDELIVERED
    assert named(caplog) == [ID]


def test_the_line_of_a_worker_that_was_lost_names_it(
    app: Flask, scripted: type[Scripted], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(app.config, "LEASE_SECONDS", 0)
    with context(app):
        claim_messages([MessageFactory(notifier=scripted_notifier("main"), request_id=ID).id])
        assert recovery.recover().released == 1
    assert set(named(caplog)) == {ID}


def test_what_no_request_made_names_none(
    app: Flask, scripted: type[Scripted], caplog: pytest.LogCaptureFixture
) -> None:
    with context(app):
        deliver(MessageFactory(notifier=scripted_notifier("main", "refused")).id)
    assert set(named(caplog)) == {None}


def test_providers_are_given_it(app: Flask, scripted: type[Scripted]) -> None:
    with context(app):
        notifier = scripted_notifier("main")
        ids = [MessageFactory(notifier=notifier, request_id=name).id for name in (ID, None)]
        give_rounds(claim_messages(ids))
    assert sorted(str(sms.request_id) for sms in scripted.sent["main"]) == ["None", ID]


def test_messages_keep_the_id_of_their_request_also_when_they_are_retried(
    app: Flask, token: Callable[..., str]
) -> None:
    accounts = make_accounts(app)
    api = Api(app.test_client(), token())
    body = {"channel": "sms", "to": "09121234567", "text": "Hello", "notifier": accounts.sms}
    one = api.post(MESSAGES, body, headers={"X-Request-ID": ID})
    many = api.post(f"{MESSAGES}/bulk", {"messages": [body, body]}, headers={"X-Request-ID": f"{ID}-bulk"})
    assert (one.status, many.status) == (201, 201), many.json
    with context(app):
        first = one.json["id"]
        assert [message(first + more).request_id for more in range(3)] == [ID, f"{ID}-bulk", f"{ID}-bulk"]
        db.session.execute(update(Message).values(status=MessageStatus.FAILED))
        db.session.commit()
    again = api.post(f"{MESSAGES}/{first}/retry", headers={"X-Request-ID": "another-request"})
    assert again.status == 200
    with context(app):
        assert message(first).request_id == ID
