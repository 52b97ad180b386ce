"""What happens becomes events, in the transaction in which it happens."""

from collections.abc import Callable
from typing import Any

import orjson
import pytest
from flask import Flask
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

import notifyhub.jobs.queues
from notifyhub.auth.models import Role
from notifyhub.database.base import now
from notifyhub.delivery import recovery
from notifyhub.delivery.reports import fetch
from notifyhub.delivery.rounds import deliver
from notifyhub.extensions import db
from notifyhub.messages.models import Message, MessageStatus
from notifyhub.otp.codes import code_of
from notifyhub.otp.models import OTP
from notifyhub.providers.base import Report
from notifyhub.webhooks import subscribers
from notifyhub.webhooks.models import DeliveryStatus, Event, Webhook, WebhookDelivery
from notifyhub.webhooks.recorder import record
from tests.messages.accounts import make_accounts
from tests.otp.codes import Codes
from tests.support.clients import Api
from tests.support.factories import MessageFactory, SMSPatternFactory, WebhookFactory
from tests.support.rows import change_settings, scripted_notifier
from tests.support.scripted import Scripted
from tests.webhooks.rows import deliveries

MESSAGES = "/api/notifications/messages"
PATTERNS = "/api/notifications/notifiers/sms/{}/patterns"


@pytest.fixture
def woken(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The deliveries that workers have been woken for: each has been committed before."""
    ids: list[int] = []

    def wake(some: list[int]) -> bool:
        with db.engine.connect() as other:
            assert set(other.scalars(select(WebhookDelivery.id))) >= set(some)
        ids.extend(some)
        return True

    monkeypatch.setattr(subscribers, "wake", wake)
    return ids


def told(*rows: WebhookDelivery) -> list[tuple[str, Any]]:
    """Return the events of deliveries with what they tell."""
    return [(row.event, orjson.loads(row.data)) for row in rows or deliveries()]


@pytest.mark.usefixtures("_context")
@pytest.mark.parametrize(
    ("script", "status", "event"),
    [
        (["accepted"], "sent", Event.MESSAGE_SENT),
        (["refused"], "failed", Event.MESSAGE_FAILED),
        (["trouble"], "failed", Event.MESSAGE_FAILED),
    ],
)
def test_the_end_of_a_message_s_round_is_told(
    scripted: type[Scripted], woken: list[int], script: list[str], status: str, event: str
) -> None:
    change_settings(max_attempts=1)
    WebhookFactory(events=[event])
    WebhookFactory(events=[Event.PATTERN_STATUS_CHANGED])
    message = MessageFactory(notifier=scripted_notifier("main", *script), reference="order-1")
    deliver(message.id)
    ((kind, data),) = told()
    assert (kind, data["id"], data["status"], data["reference"]) == (event, message.id, status, "order-1")
    assert data["test"] is False
    assert data.keys() & {"text", "subject", "args", "attempts"} == set()
    assert woken == [each.id for each in deliveries()]


@pytest.mark.usefixtures("_context")
def test_what_is_told_is_what_get_shows(scripted: type[Scripted], api: Api, woken: list[int]) -> None:
    WebhookFactory()
    message = MessageFactory(notifier=scripted_notifier("main"))
    deliver(message.id)
    ((_, data),) = told()
    shown = api.get(f"{MESSAGES}/{message.id}").json
    assert data == {
        name: value for name, value in shown.items() if name not in {"text", "subject", "args", "attempts"}
    }


@pytest.mark.usefixtures("_context")
@pytest.mark.parametrize(
    ("state", "event"),
    [("delivered", Event.MESSAGE_DELIVERED), ("undelivered", Event.MESSAGE_UNDELIVERED)],
)
def test_delivery_reports_are_told_after_the_sending(
    scripted: type[Scripted], woken: list[int], state: Any, event: str
) -> None:
    WebhookFactory()
    message = MessageFactory(notifier=scripted_notifier("main"))
    deliver(message.id)
    scripted.told["main-1"] = Report(state)
    fetch([message.id])
    fetch([message.id])
    first, second = deliveries()
    assert [kind for kind, _ in told(first, second)] == [Event.MESSAGE_SENT, event]
    assert (first.object_id, second.object_id) == (message.id, message.id)
    assert first.id < second.id
    assert woken == [first.id, second.id]


@pytest.mark.usefixtures("_context")
def test_a_message_that_expires_has_failed(woken: list[int]) -> None:
    WebhookFactory()
    MessageFactory(expires_at=now())
    recovery.sweep()
    ((kind, data),) = told()
    assert (kind, data["status"]) == (Event.MESSAGE_FAILED, "expired")


@pytest.mark.usefixtures("_context")
def test_every_webhook_that_asks_is_told_of_the_same_event(
    scripted: type[Scripted], woken: list[int]
) -> None:
    asking = [WebhookFactory().id, WebhookFactory(events=[Event.MESSAGE_SENT]).id]
    WebhookFactory(events=[Event.MESSAGE_FAILED])
    WebhookFactory(is_active=False)
    deliver(MessageFactory(notifier=scripted_notifier("main")).id)
    first, second = deliveries()
    assert [first.webhook_id, second.webhook_id] == asking
    assert first.uid == second.uid
    assert second.sequence == first.id
    assert {first.status, second.status} == {DeliveryStatus.PENDING}


@pytest.mark.usefixtures("_context")
def test_without_an_active_webhook_nothing_is_recorded(scripted: type[Scripted], woken: list[int]) -> None:
    WebhookFactory(is_active=False)
    deliver(MessageFactory(notifier=scripted_notifier("main")).id)
    assert deliveries() == []
    assert woken == []


@pytest.mark.usefixtures("_context")
def test_event_and_message_are_stored_together_or_not_at_all(
    scripted: type[Scripted], woken: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    WebhookFactory()
    message = MessageFactory(notifier=scripted_notifier("main"))

    def cut_off(*args: Any) -> list[int]:
        record(*args)
        raise RuntimeError("cut off")

    monkeypatch.setattr(subscribers, "record", cut_off)
    deliver(message.id)
    assert deliveries() == []
    stored = db.session.get_one(Message, message.id)
    assert (stored.status, stored.error_code) == (MessageStatus.SENDING, "internal_error")
    assert woken == []


@pytest.mark.usefixtures("_context")
def test_a_webhook_that_is_being_deleted_is_in_nobody_s_way() -> None:
    if db.engine.name == "sqlite":
        pytest.skip("SQLite writes one after the other")
    doomed, other = WebhookFactory().id, WebhookFactory().id
    with db.engine.begin() as deleting, db.engine.begin() as telling_of:
        deleting.execute(delete(Webhook).where(Webhook.id == doomed))
        assert len(record(telling_of, Event.MESSAGE_SENT, 1, {"id": 1})) == 1
    assert [each.webhook_id for each in deliveries()] == [other]


def test_a_test_token_s_messages_are_told_as_such(
    app: Flask, token: Callable[..., str], scripted: type[Scripted], woken: list[int]
) -> None:
    with app.app_context():
        WebhookFactory()
        notifier = scripted_notifier("main").id
    tester = Api(app.test_client(), token(test=True))
    body = {"channel": "sms", "to": "09121234567", "text": "Hello", "notifier": notifier}
    id_ = tester.post(MESSAGES, body).json["id"]
    with app.app_context():
        deliver(id_)
        ((_, data),) = told()
    assert data["test"] is True


def test_a_pattern_s_status_is_told_when_it_changes(app: Flask, api: Api, woken: list[int]) -> None:
    with app.app_context():
        WebhookFactory()
        pattern = SMSPatternFactory()
        url = f"{PATTERNS.format(pattern.notifier_id)}/{pattern.id}"
    api.patch(url, {"description": "nothing of interest"})
    shown = api.patch(url, {"status": "approved"}).json
    api.patch(url, {"status": "approved"})
    with app.app_context():
        assert told() == [(Event.PATTERN_STATUS_CHANGED, shown)]
        assert woken == [each.id for each in deliveries()]


def test_a_pattern_that_a_test_token_changes_is_told_as_such(
    app: Flask, token: Callable[..., str], woken: list[int]
) -> None:
    with app.app_context():
        WebhookFactory()
        pattern = SMSPatternFactory()
        url = f"{PATTERNS.format(pattern.notifier_id)}/{pattern.id}"
    shown = Api(app.test_client(), token(Role.ADMIN, test=True)).patch(url, {"status": "rejected"}).json
    with app.app_context():
        assert told() == [(Event.PATTERN_STATUS_CHANGED, {**shown, "test": True})]


def test_a_change_of_a_pattern_that_is_undone_is_not_told(app: Flask, woken: list[int]) -> None:
    with app.app_context():
        WebhookFactory()
        pattern = SMSPatternFactory()
        session: Session = db.session()
        pattern.status = "approved"
        session.flush()
        session.rollback()
        assert deliveries() == []
        assert woken == []


@pytest.mark.parametrize("test", [False, True])
def test_a_one_time_password_that_is_verified_is_told_of_once_without_its_code(
    app: Flask, token: Callable[..., str], woken: list[int], test: bool
) -> None:
    with app.app_context():
        WebhookFactory(events=[Event.OTP_VERIFIED])
    make_accounts(app)
    codes = Codes(app, Api(app.test_client(), token(test=test)))
    id_ = codes.issued()["id"]
    with app.app_context():
        code = code_of(db.session.get_one(OTP, id_))
    assert [codes.guess(guess, id=id_)["verified"] for guess in ("x", code, code)] == [False, True, False]
    shown = codes.show(id_)
    shown.pop("code", None)
    with app.app_context():
        assert told() == [(Event.OTP_VERIFIED, {**shown, "test": True} if test else shown)]
        assert woken == [each.id for each in deliveries()]


def test_a_broker_that_is_away_leaves_events_to_the_sweep(
    app: Flask, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    with app.app_context():
        WebhookFactory()
        pattern = SMSPatternFactory()
        url = f"{PATTERNS.format(pattern.notifier_id)}/{pattern.id}"
    monkeypatch.setattr(notifyhub.jobs.queues.Publisher, "publish", lambda *_: False)
    assert api.patch(url, {"status": "approved"}).status == 200
    with app.app_context():
        assert len(deliveries()) == 1
