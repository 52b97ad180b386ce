"""A webhook that the service disables: the others are told, and the operators by mail."""

import json

import pytest
from sqlalchemy import select

from notifyhub.api.http.json import encode
from notifyhub.database.base import table_of
from notifyhub.database.connections import autocommit
from notifyhub.extensions import db
from notifyhub.messages.models import Message
from notifyhub.settings.models import NotificationSettings
from notifyhub.webhooks import attempts
from notifyhub.webhooks.models import Event, WebhookDelivery
from notifyhub.webhooks.schemas import WebhookSchema
from tests.support.factories import EmailNotifierFactory, WebhookDeliveryFactory, WebhookFactory
from tests.support.rows import change_settings
from tests.webhooks.receiver import Receiver
from tests.webhooks.rows import webhook

pytestmark = pytest.mark.usefixtures("_context")


def test_the_others_and_the_operators_are_told_once(receiver: Receiver) -> None:
    db.session.merge(NotificationSettings(id=1, email_notifier_id=EmailNotifierFactory().id))
    change_settings(alert_email="ops@example.com")
    disabled = WebhookFactory(url=receiver.url)
    other = WebhookFactory(url=receiver.url, events=[Event.WEBHOOK_DISABLED])
    WebhookFactory(url=receiver.url, events=[Event.MESSAGE_SENT])
    ids = [WebhookDeliveryFactory(webhook_id=disabled.id).id for _ in range(2)]
    db.session.rollback()
    receiver.reply(410, 410)
    for id_ in ids:
        attempts.deliver(id_)
    deliveries = table_of(WebhookDelivery).c
    query = select(deliveries.webhook_id, deliveries.data).where(deliveries.event == Event.WEBHOOK_DISABLED)
    ((told, data),) = autocommit().execute(query)
    assert told == other.id
    assert json.loads(data) == json.loads(encode(WebhookSchema().dump(webhook(disabled.id))))
    assert "whsec_" not in data
    messages = table_of(Message).c
    ((to, subject, text),) = autocommit().execute(select(messages.recipient, messages.subject, messages.text))
    assert (to, subject) == ("ops@example.com", f"NotifyHub: webhook {disabled.id} is disabled")
    assert text == (
        f"No events are sent to webhook {disabled.id} any more. The receiver answered 410: it wants no more."
    )
