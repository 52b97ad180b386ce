"""That a notifier rests, and has recovered, is told once: to webhooks, and by mail to the operators."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from flask import Flask
from sqlalchemy import select

from notifyhub.database.base import table_of
from notifyhub.database.connections import autocommit
from notifyhub.delivery.rounds import deliver
from notifyhub.extensions import db
from notifyhub.health import changes, credit
from notifyhub.messages.models import Channel, Message
from notifyhub.notifiers.models import EmailNotifier, SMSNotifier
from notifyhub.settings.models import NotificationSettings
from notifyhub.webhooks.models import Event, WebhookDelivery
from tests.support.factories import EmailNotifierFactory, MessageFactory, WebhookFactory
from tests.support.rows import change_settings, context, scripted_notifier
from tests.support.scripted import Scripted

START = datetime(2026, 3, 21, 12, tzinfo=UTC)
OPERATORS = [event for event in Event if event.startswith(("notifier", "webhook"))]


@pytest.fixture
def clock(app: Flask, scripted: type[Scripted]) -> Iterator[time_machine.Traveller]:
    with context(app), time_machine.travel(START, tick=False) as traveller:
        yield traveller


@pytest.fixture
def mail(clock: time_machine.Traveller) -> EmailNotifier:
    """The default email notifier, by which the operators want to be told."""
    notifier: EmailNotifier = EmailNotifierFactory()
    db.session.merge(NotificationSettings(id=1, email_notifier_id=notifier.id))
    change_settings(alert_email="ops@example.com")
    return notifier


def told() -> list[tuple[str, Any]]:
    """Return the events that have been recorded for webhooks, with their data."""
    rows = autocommit().execute(select(table_of(WebhookDelivery)).order_by("id"))
    return [(row.event, json.loads(row.data)) for row in rows]


def mails() -> list[tuple[str, str]]:
    """Return the subjects and texts of the mails to the operators."""
    columns = table_of(Message).c
    query = select(columns.subject, columns.text).where(columns.recipient == "ops@example.com")
    return [tuple(row) for row in autocommit().execute(query.order_by(columns.id))]  # type: ignore[misc]


def fail(notifier: SMSNotifier, times: int = 5) -> None:
    Scripted.script("a", ["trouble"] * times)
    for _ in range(times):
        deliver(MessageFactory(notifier=notifier).id)
    db.session.rollback()


def test_each_change_is_told_once(clock: time_machine.Traveller, mail: EmailNotifier) -> None:
    WebhookFactory(events=OPERATORS)
    notifier = scripted_notifier("a")
    fail(notifier, 4)
    changes.tell()
    assert told() == []
    fail(notifier, 1)
    for _ in range(3):
        changes.tell()
    ((event, data),) = told()
    assert event == Event.NOTIFIER_RESTING
    assert list(data)[:3] == ["id", "channel", "name"]
    assert (data["channel"], data["id"], data["name"]) == ("sms", notifier.id, "a")
    assert data["failures_in_a_row"] == 5
    assert "settings" not in data
    clock.shift(31)
    fail(notifier, 1)  # the probe fails, too
    changes.tell()
    assert len(told()) == 1
    clock.shift(31)
    deliver(MessageFactory(notifier=notifier).id)
    for _ in range(3):
        changes.tell()
    assert [event for event, _ in told()] == [Event.NOTIFIER_RESTING, Event.NOTIFIER_RECOVERED]
    assert told()[1][1]["state"] == "working"
    (first, words), (second, _) = mails()
    assert first == f"NotifyHub: sms notifier {notifier.id} rests"
    assert words.startswith(f"SMS notifier {notifier.id} (a) rests")
    assert second == f"NotifyHub: sms notifier {notifier.id} has recovered"


def test_nothing_is_mailed_about_the_notifier_that_would_send_it(
    clock: time_machine.Traveller, mail: EmailNotifier
) -> None:
    other = EmailNotifierFactory()
    WebhookFactory(events=OPERATORS)
    connection = autocommit()
    for notifier in (mail, other):
        values = {"channel": "email", "notifier_id": notifier.id, "failures": 5}
        connection.execute(changes.breakers.insert().values(**values, open_until=START + timedelta(hours=1)))
    changes.tell()
    assert [event for event, _ in told()] == [Event.NOTIFIER_RESTING] * 2
    assert [subject for subject, _ in mails()] == [f"NotifyHub: email notifier {other.id} rests"]


@pytest.mark.parametrize("lacks", ["alert_email", "email_notifier"])
def test_without_an_address_or_a_way_nothing_is_mailed(
    clock: time_machine.Traveller, mail: EmailNotifier, lacks: str
) -> None:
    if lacks == "alert_email":
        change_settings(alert_email=None)
    else:
        db.session.merge(NotificationSettings(id=1, email_notifier_id=None))
        db.session.commit()
    fail(scripted_notifier("a"))
    changes.tell()
    assert mails() == []


def test_a_notifier_that_is_gone_is_told_of_no_more(clock: time_machine.Traveller) -> None:
    WebhookFactory(events=OPERATORS)
    notifier = scripted_notifier("a")
    fail(notifier)
    changes.tell()
    autocommit().execute(changes.breakers.delete())
    db.session.delete(db.session.get_one(SMSNotifier, notifier.id))
    db.session.commit()
    changes.tell()
    changes.tell()
    assert [event for event, _ in told()] == [Event.NOTIFIER_RESTING]


def test_a_credit_that_falls_is_told_to_webhooks_and_mailed(
    clock: time_machine.Traveller, mail: EmailNotifier
) -> None:
    WebhookFactory(events=OPERATORS)
    notifier = scripted_notifier("a")
    change_settings(credit_low=100)
    credit.read_due()
    credit.store(notifier.id, 99.5)
    credit.store(notifier.id, 98)
    ((event, data),) = told()
    assert (event, data["channel"], data["credit"]) == (Event.NOTIFIER_CREDIT_LOW, Channel.SMS, 99.5)
    ((subject, text),) = mails()
    assert subject == f"NotifyHub: the credit of sms notifier {notifier.id} is low"
    assert text == f"The credit of SMS notifier {notifier.id} (a) is 99.5, below 100."
