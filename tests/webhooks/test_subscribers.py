"""What happens becomes events, in the transaction in which it happens."""

from collections.abc import Callable
from typing import Any

import orjson
import pytest
from flask import Flask
from sqlalchemy import delete, select

import notifyhub.jobs.queues
from notifyhub.auth.models import Role
from notifyhub.database.base import now
from notifyhub.database.connections import orm_session, transaction
from notifyhub.delivery import recovery
from notifyhub.delivery.reports import fetch
from notifyhub.delivery.rounds import deliver
from notifyhub.extensions import db
from notifyhub.messages.events import MessageChanged
from notifyhub.messages.models import Message, MessageStatus
from notifyhub.otp.codes import compute_code
from notifyhub.otp.models import OTP
from notifyhub.patterns.models import SMSPattern
from notifyhub.providers.base import Report
from notifyhub.webhooks import subscribers
from notifyhub.webhooks.models import DeliveryStatus, Event, Webhook, WebhookDelivery
from notifyhub.webhooks.recorder import record
from tests.messages.accounts import make_accounts
from tests.otp.codes import Codes
from tests.support.clients import Api
from tests.support.factories import MessageFactory, SMSPatternFactory, WebhookFactory
from tests.support.queries import Queries
from tests.support.rows import change_settings, scripted_notifier
from tests.support.scripted import Scripted
from tests.webhooks.rows import deliveries, record_each

MESSAGES = "/api/notifications/messages"
PATTERNS = "/api/notifications/notifiers/sms/{}/patterns"


@pytest.fixture
def enqueued(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The deliveries that have been enqueued: each has been committed before."""
    ids: list[int] = []

    def enqueue(some: list[int]) -> bool:
        with db.engine.connect() as other:
            assert set(other.scalars(select(WebhookDelivery.id))) >= set(some)
        ids.extend(some)
        return True

    monkeypatch.setattr(subscribers, "enqueue", enqueue)
    return ids


def recorded(*rows: WebhookDelivery) -> list[tuple[str, Any]]:
    """Return the events of deliveries with their data."""
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
def test_the_end_of_a_message_s_round_is_recorded(
    scripted: type[Scripted], enqueued: list[int], script: list[str], status: str, event: str
) -> None:
    change_settings(max_attempts=1)
    WebhookFactory(events=[event])
    WebhookFactory(events=[Event.PATTERN_STATUS_CHANGED])
    message = MessageFactory(notifier=scripted_notifier("main", *script), reference="order-1")
    deliver(message.id)
    ((kind, data),) = recorded()
    assert (kind, data["id"], data["status"], data["reference"]) == (event, message.id, status, "order-1")
    assert data["test"] is False
    assert data.keys() & {"text", "subject", "args", "attempts"} == set()
    assert enqueued == [each.id for each in deliveries()]


@pytest.mark.usefixtures("_context")
def test_what_is_recorded_is_what_get_shows(scripted: type[Scripted], api: Api, enqueued: list[int]) -> None:
    WebhookFactory()
    message = MessageFactory(notifier=scripted_notifier("main"))
    deliver(message.id)
    ((_, data),) = recorded()
    shown = api.get(f"{MESSAGES}/{message.id}").json
    assert data == {
        name: value for name, value in shown.items() if name not in {"text", "subject", "args", "attempts"}
    }


@pytest.mark.usefixtures("_context")
@pytest.mark.parametrize(
    ("state", "event"),
    [("delivered", Event.MESSAGE_DELIVERED), ("undelivered", Event.MESSAGE_UNDELIVERED)],
)
def test_delivery_reports_are_recorded_after_the_sending(
    scripted: type[Scripted], enqueued: list[int], state: Any, event: str
) -> None:
    WebhookFactory()
    message = MessageFactory(notifier=scripted_notifier("main"))
    deliver(message.id)
    scripted.told["main-1"] = Report(state)
    fetch([message.id])
    fetch([message.id])
    first, second = deliveries()
    assert [kind for kind, _ in recorded(first, second)] == [Event.MESSAGE_SENT, event]
    assert (first.object_id, second.object_id) == (message.id, message.id)
    assert first.id < second.id
    assert enqueued == [first.id, second.id]


@pytest.mark.usefixtures("_context")
def test_a_message_that_expires_has_failed(enqueued: list[int]) -> None:
    WebhookFactory()
    MessageFactory(expires_at=now())
    recovery.recover()
    ((kind, data),) = recorded()
    assert (kind, data["status"]) == (Event.MESSAGE_FAILED, "expired")


@pytest.mark.usefixtures("_context")
def test_every_webhook_that_asks_gets_the_same_event(scripted: type[Scripted], enqueued: list[int]) -> None:
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
@pytest.mark.parametrize(("webhooks", "statements"), [(0, 1), (1, 2), (2, 3), (7, 3)])
def test_an_event_takes_few_statements_however_many_webhooks_ask(
    queries: Queries, webhooks: int, statements: int
) -> None:
    asking = [WebhookFactory().id for _ in range(webhooks)]
    db.session.remove()
    with transaction() as connection, queries as sent:
        ids = record_each(connection, Event.MESSAGE_SENT, 1)
    assert len(sent) == statements, sent
    rows = deliveries()
    assert sorted(ids) == [row.id for row in rows]
    assert sorted(row.webhook_id for row in rows) == asking
    assert {row.sequence or row.id for row in rows} == set(ids[:1])


@pytest.mark.usefixtures("_context")
def test_many_events_at_once_take_no_more_statements_and_each_has_its_own_number(queries: Queries) -> None:
    first, second = WebhookFactory().id, WebhookFactory().id
    db.session.remove()
    with transaction() as connection, queries as sent:
        record_each(connection, Event.MESSAGE_SENT, 5, 3, 4)
    assert len(sent) == 3, sent
    numbers = {row.object_id: row.id for row in deliveries() if row.webhook_id == first}
    assert sorted(numbers, key=numbers.__getitem__) == [5, 3, 4]
    repeated = [row for row in deliveries() if row.webhook_id == second]
    assert {row.object_id: row.sequence for row in repeated} == numbers
    assert len({row.uid for row in deliveries()}) == 3


@pytest.mark.usefixtures("_context")
def test_what_no_webhook_asks_for_is_not_read(queries: Queries) -> None:
    WebhookFactory(events=[Event.PATTERN_STATUS_CHANGED])
    db.session.remove()
    change = MessageChanged(1, MessageStatus.SENT, None, "sms", 1, is_test=False, due_since=now())
    with transaction() as connection, queries as sent:
        subscribers.record_events(connection, [change])
    assert len(sent) == 1, sent


@pytest.mark.usefixtures("_context")
def test_without_an_active_webhook_nothing_is_recorded(scripted: type[Scripted], enqueued: list[int]) -> None:
    WebhookFactory(is_active=False)
    deliver(MessageFactory(notifier=scripted_notifier("main")).id)
    assert deliveries() == []
    assert enqueued == []


@pytest.mark.usefixtures("_context")
def test_event_and_message_are_stored_together_or_not_at_all(
    scripted: type[Scripted], enqueued: list[int], monkeypatch: pytest.MonkeyPatch
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
    assert enqueued == []


@pytest.mark.usefixtures("_context")
def test_a_webhook_that_is_being_deleted_is_in_nobody_s_way() -> None:
    if db.engine.name == "sqlite":
        pytest.skip("SQLite writes one after the other")
    doomed, other = WebhookFactory().id, WebhookFactory().id
    with db.engine.begin() as deleting, db.engine.begin() as recording:
        deleting.execute(delete(Webhook).where(Webhook.id == doomed))
        assert len(record_each(recording, Event.MESSAGE_SENT, 1)) == 1
    assert [each.webhook_id for each in deliveries()] == [other]


def test_a_test_token_s_messages_are_marked_as_such(
    app: Flask, token: Callable[..., str], scripted: type[Scripted], enqueued: list[int]
) -> None:
    with app.app_context():
        WebhookFactory()
        notifier = scripted_notifier("main").id
    tester = Api(app.test_client(), token(test=True))
    body = {"channel": "sms", "to": "09121234567", "text": "Hello", "notifier": notifier}
    id_ = tester.post(MESSAGES, body).json["id"]
    with app.app_context():
        deliver(id_)
        ((_, data),) = recorded()
    assert data["test"] is True


def test_a_pattern_s_status_is_recorded_when_it_changes(app: Flask, api: Api, enqueued: list[int]) -> None:
    with app.app_context():
        WebhookFactory()
        pattern = SMSPatternFactory()
        url = f"{PATTERNS.format(pattern.notifier_id)}/{pattern.id}"
    api.patch(url, {"description": "nothing of interest"})
    shown = api.patch(url, {"status": "approved"}).json
    api.patch(url, {"status": "approved"})
    with app.app_context():
        assert recorded() == [(Event.PATTERN_STATUS_CHANGED, shown)]
        assert enqueued == [each.id for each in deliveries()]


def test_a_pattern_that_a_test_token_changes_is_marked_as_such(
    app: Flask, token: Callable[..., str], enqueued: list[int]
) -> None:
    with app.app_context():
        WebhookFactory()
        pattern = SMSPatternFactory()
        url = f"{PATTERNS.format(pattern.notifier_id)}/{pattern.id}"
    shown = Api(app.test_client(), token(Role.ADMIN, test=True)).patch(url, {"status": "rejected"}).json
    with app.app_context():
        assert recorded() == [(Event.PATTERN_STATUS_CHANGED, {**shown, "test": True})]


def test_a_change_of_a_pattern_that_is_undone_is_not_recorded(app: Flask, enqueued: list[int]) -> None:
    with app.app_context():
        WebhookFactory()
        id_ = SMSPatternFactory().id

        def undo() -> None:
            with orm_session() as session:
                session.get_one(SMSPattern, id_).status = "approved"
                session.flush()
                assert session.scalar(select(WebhookDelivery.event)) == Event.PATTERN_STATUS_CHANGED
                raise RuntimeError("undone")

        with pytest.raises(RuntimeError, match="undone"):
            undo()
        assert deliveries() == []
        assert enqueued == []


@pytest.mark.parametrize("test", [False, True])
def test_a_one_time_password_that_is_verified_is_recorded_once_without_its_code(
    app: Flask, token: Callable[..., str], enqueued: list[int], test: bool
) -> None:
    with app.app_context():
        WebhookFactory(events=[Event.OTP_VERIFIED])
    make_accounts(app)
    codes = Codes(app, Api(app.test_client(), token(test=test)))
    id_ = codes.issued()["id"]
    with app.app_context():
        code = compute_code(db.session.get_one(OTP, id_))
    assert [codes.guess(guess, id=id_)["verified"] for guess in ("x", code, code)] == [False, True, False]
    shown = codes.show(id_)
    shown.pop("code", None)
    with app.app_context():
        assert recorded() == [(Event.OTP_VERIFIED, {**shown, "test": True} if test else shown)]
        assert enqueued == [each.id for each in deliveries()]


def test_a_broker_that_is_away_leaves_events_to_the_recovery(
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
