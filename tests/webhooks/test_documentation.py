"""What the OpenAPI document and the README say of events is what receivers get."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from jsonschema import Draft202012Validator

from notifyhub.api.openapi.document import document
from notifyhub.auth.models import Role
from notifyhub.database.base import now
from notifyhub.database.connections import autocommit, transaction
from notifyhub.delivery import circuit_breaker, recovery
from notifyhub.delivery.reports import fetch
from notifyhub.delivery.rounds import deliver
from notifyhub.events import publish
from notifyhub.extensions import db
from notifyhub.health import changes, credit
from notifyhub.health.events import RoleMissing, RoleRecovered
from notifyhub.jobs import models as jobs
from notifyhub.otp.codes import compute_code
from notifyhub.otp.models import OTP
from notifyhub.providers.base import Report
from notifyhub.webhooks import attempts
from notifyhub.webhooks.documentation import EVENTS
from notifyhub.webhooks.models import TEST, Event
from tests.messages.accounts import make_accounts
from tests.otp.codes import Codes
from tests.support.clients import Api
from tests.support.environment import ROOT
from tests.support.factories import MessageFactory, SMSPatternFactory, WebhookDeliveryFactory, WebhookFactory
from tests.support.rows import change_settings, context, scripted_notifier
from tests.support.scripted import Scripted
from tests.webhooks.receiver import Receiver
from tests.webhooks.rows import deliveries

pytestmark = pytest.mark.usefixtures("_allowed")

PATTERNS = "/api/notifications/notifiers/sms/{}/patterns"
NAMES = [*Event, TEST]


def described(app: Flask, event: str) -> dict[str, Any]:
    """Return the document's description of an event."""
    operation: dict[str, Any] = document(app)["webhooks"][event]["post"]
    return operation


def errors(app: Flask, schema: dict[str, Any], value: Any) -> list[str]:
    whole = {**schema, "components": document(app)["components"]}
    return [error.message for error in Draft202012Validator(whole).iter_errors(value)]


def example(app: Flask, event: str) -> dict[str, Any]:
    content = described(app, event)["requestBody"]["content"]["application/json"]
    value: dict[str, Any] = content["examples"][event]["value"]
    return value


def body_errors(app: Flask, body: dict[str, Any]) -> list[str]:
    content = described(app, body["type"])["requestBody"]["content"]["application/json"]
    return errors(app, content["schema"], body)


def check(app: Flask, receiver: Receiver, *events: str) -> list[dict[str, Any]]:
    """Send what was recorded, and compare the requests with the document; return the events' data."""
    with context(app):
        for delivery in deliveries():
            attempts.deliver(delivery.id)
    assert [body["type"] for body in receiver.bodies()] == list(events)
    for request in receiver.requests:
        body = request.body
        assert body_errors(app, body) == []
        shown = example(app, body["type"])
        assert list(body) == list(shown)
        assert [name for name in body["data"] if name != "test"] == [
            name for name in shown["data"] if name != "test"
        ]
        for header in described(app, body["type"])["parameters"]:
            assert errors(app, header["schema"], request.headers[header["name"]]) == []
    return [body["data"] for body in receiver.bodies()]


def test_every_event_is_described(app: Flask) -> None:
    assert list(document(app)["webhooks"]) == NAMES


@pytest.mark.parametrize("event", NAMES)
def test_an_example_fits_its_schema_and_shows_all_of_it(app: Flask, event: str) -> None:
    shown = example(app, event)
    assert body_errors(app, shown) == []
    assert shown["type"] == event
    for header in described(app, event)["parameters"]:
        assert errors(app, header["schema"], header["schema"]["examples"][0]) == []


@pytest.mark.parametrize("event", NAMES)
def test_a_body_of_another_event_does_not_fit(app: Flask, event: str) -> None:
    shown = example(app, event)
    content = described(app, event)["requestBody"]["content"]["application/json"]
    for wrong in (
        {**shown, "type": "message.read"},
        {**shown, "sequence": "1"},
        {**shown, "data": {**shown["data"], "id": None}},
        {name: value for name, value in shown.items() if name != "data"},
    ):
        assert errors(app, content["schema"], wrong)


def test_headers_of_a_signature_are_described(app: Flask) -> None:
    for event in NAMES:
        named = {header["name"] for header in described(app, event)["parameters"]}
        assert named == {"webhook-id", "webhook-timestamp", "webhook-signature"}
        assert all(
            header["required"] and header["in"] == "header" for header in described(app, event)["parameters"]
        )


def test_receivers_are_asked_for_no_token(app: Flask) -> None:
    assert all(described(app, event)["security"] == [] for event in NAMES)


def test_messages_that_are_sent_and_reported_are_told_as_described(
    app: Flask, receiver: Receiver, scripted: type[Scripted]
) -> None:
    with context(app):
        WebhookFactory(url=receiver.url)
        notifier = scripted_notifier("main")
        scripted.told.update({"main-1": Report("delivered"), "main-2": Report("undelivered")})
        for id_ in [MessageFactory(notifier=notifier).id for _ in range(2)]:
            deliver(id_)
            fetch([id_])
    sent, delivered = Event.MESSAGE_SENT, Event.MESSAGE_DELIVERED
    told = check(app, receiver, sent, delivered, sent, Event.MESSAGE_UNDELIVERED)
    for data, event in zip(told, (sent, delivered, sent, Event.MESSAGE_UNDELIVERED), strict=True):
        assert list(data["notifier_data"]) == list(example(app, event)["data"]["notifier_data"])


def test_messages_that_fail_or_expire_are_told_as_described(
    app: Flask, receiver: Receiver, scripted: type[Scripted]
) -> None:
    with context(app):
        WebhookFactory(url=receiver.url)
        deliver(MessageFactory(notifier=scripted_notifier("main", "refused")).id)
        MessageFactory(expires_at=now())
        recovery.recover()
    failed, expired = check(app, receiver, Event.MESSAGE_FAILED, Event.MESSAGE_FAILED)
    assert (failed["status"], expired["status"]) == ("failed", "expired")
    assert list(failed["error"]) == list(example(app, Event.MESSAGE_FAILED)["data"]["error"])


@pytest.mark.parametrize("test", [False, True])
def test_a_pattern_is_told_as_described(
    app: Flask, receiver: Receiver, token: Callable[..., str], test: bool
) -> None:
    with app.app_context():
        WebhookFactory(url=receiver.url)
        pattern = SMSPatternFactory()
        url = f"{PATTERNS.format(pattern.notifier_id)}/{pattern.id}"
    assert (
        Api(app.test_client(), token(Role.ADMIN, test=test)).patch(url, {"status": "approved"}).status == 200
    )
    (data,) = check(app, receiver, Event.PATTERN_STATUS_CHANGED)
    assert data.get("test", False) is test


@pytest.mark.parametrize("test", [False, True])
def test_a_one_time_password_is_told_as_described(
    app: Flask, receiver: Receiver, token: Callable[..., str], test: bool
) -> None:
    with app.app_context():
        WebhookFactory(url=receiver.url, events=[Event.OTP_VERIFIED])
    make_accounts(app)
    codes = Codes(app, Api(app.test_client(), token(test=test)))
    id_ = codes.issued()["id"]
    with app.app_context():
        code = compute_code(db.session.get_one(OTP, id_))
    assert codes.guess(code, id=id_)["verified"]
    (data,) = check(app, receiver, Event.OTP_VERIFIED)
    assert data.get("test", False) is test


def test_what_becomes_of_notifiers_and_webhooks_is_told_as_described(
    app: Flask, receiver: Receiver, scripted: type[Scripted]
) -> None:
    with context(app):
        operators = [event for event in Event if event.startswith(("notifier", "webhook"))]
        WebhookFactory(url=receiver.url, events=operators)
        notifier = scripted_notifier("main", *["trouble"] * 5)
        for _ in range(5):
            deliver(MessageFactory(notifier=notifier).id)
        app.extensions["figures"].flush()
        changes.tell()
        autocommit().execute(circuit_breaker.close, circuit_breaker.named("sms", notifier.id))
        changes.tell()
        change_settings(credit_low=5)
        credit.read_due()
        credit.store(notifier.id, 4.5)
        with Receiver() as other:
            other.reply(410)
            gone = WebhookDeliveryFactory(
                webhook_id=WebhookFactory(url=other.url, events=["message.sent"]).id
            ).id
            db.session.rollback()
            attempts.deliver(gone)
    told = check(app, receiver, *operators)
    assert [data["id"] for data in told[:3]] == [notifier.id] * 3
    for data, event in zip(told, operators, strict=True):
        assert list(data) == list(example(app, event)["data"])


def test_missing_workers_and_schedulers_are_told_as_described(app: Flask, receiver: Receiver) -> None:
    events = [event for event in Event if event.startswith(("worker", "scheduler"))]
    with context(app):
        WebhookFactory(url=receiver.url, events=events)
        db.session.rollback()
        with transaction() as connection:
            for role in jobs.Role:
                publish(connection, RoleMissing(role, now(), "None"))
                publish(connection, RoleRecovered(role, now(), "One"))
    told = check(app, receiver, *events)
    assert [data["detail"] for data in told] == ["None.", "One."] * 2


def test_a_test_event_is_told_as_described(app: Flask, api: Api, receiver: Receiver) -> None:
    with app.app_context():
        id_ = WebhookFactory(url=receiver.url).id
    assert api.post(f"/api/notifications/webhooks/{id_}/test").status == 201
    (data,) = check(app, receiver, TEST)
    assert list(data) == list(example(app, TEST)["data"])


def test_the_readme_says_which_event_comes_when() -> None:
    readme = (ROOT / "README.md").read_text()
    assert [event for event in EVENTS if f"| `{event}` |" not in readme] == []
