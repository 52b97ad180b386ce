"""The service's own mails are messages that its operators see, and no product is told of."""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update

from notifyhub.database.base import now, table_of
from notifyhub.database.connections import autocommit, transaction
from notifyhub.delivery import recovery
from notifyhub.extensions import db
from notifyhub.health import alerts
from notifyhub.messages.models import Channel, Message
from notifyhub.settings.models import NotificationSettings
from notifyhub.webhooks.models import Event, WebhookDelivery
from tests.support.clients import Api
from tests.support.factories import EmailNotifierFactory, MessageFactory, WebhookFactory
from tests.support.rows import change_settings, context

URL = "/api/notifications"


@pytest.fixture
def ids(app: Flask) -> tuple[int, int]:
    """A product's mail and one of the service itself, of three hours ago; their ids."""
    with context(app):
        notifier = EmailNotifierFactory()
        db.session.merge(NotificationSettings(id=1, email_notifier_id=notifier.id))
        change_settings(alert_email="ops@example.com")
        product: int = MessageFactory(channel=Channel.EMAIL, notifier=notifier).id
        db.session.rollback()
        with transaction() as connection:
            alerts.mail(connection, "the disk is full", "It is.")
        messages = table_of(Message)
        then = now() - timedelta(hours=3)
        autocommit().execute(update(messages).values(created_at=then, expires_at=now()))
        return product, autocommit().scalars(
            select(messages.c.id).where(messages.c.recipient == "ops@example.com")
        ).one()


def counted(api: Api, **parameters: str) -> list[Any]:
    query = "&".join(f"{name}={value}" for name, value in parameters.items())
    results = api.get(f"{URL}/statistics?interval=total&{query}").json["results"]
    return [(result["messages"], result["failed"]) for result in results]


def test_a_product_is_told_of_its_own_mails_alone(app: Flask, api: Api, ids: tuple[int, int]) -> None:
    with context(app):
        WebhookFactory(events=[event for event in Event if event.startswith("message")])
        recovery.recover()
        told = autocommit().scalars(select(table_of(WebhookDelivery).c.object_id)).all()
    assert told == [ids[0]]
    listed = api.get(f"{URL}/messages?channel=email").json["results"]
    assert {(message["id"], message["status"]) for message in listed} == {(id_, "expired") for id_ in ids}
    assert api.get(f"{URL}/messages/{ids[1]}").json["subject"] == "NotifyHub: the disk is full"


@pytest.mark.parametrize("by", ["", "channel,notifier,status", "channel,pattern"])
def test_statistics_count_none_of_them_before_and_after_they_are_counted_in_advance(
    app: Flask, api: Api, ids: tuple[int, int], by: str
) -> None:
    assert counted(api, by=by) == [(1, 0)]
    for _ in range(2):
        assert app.test_cli_runner().invoke(args=["statistics", "rebuild"]).exit_code == 0
        assert counted(api, by=by) == [(1, 0)]
        with context(app):
            recovery.recover()
        assert counted(api, by=by) == [(1, 0)]
