"""TableSerializer as lists give them are what the schema would give."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from notifyhub.api.http import json
from notifyhub.api.resource import Resource
from notifyhub.auth.models import Role, User
from notifyhub.extensions import db
from notifyhub.notifiers.models import EmailNotifier, SMSNotifier
from notifyhub.patterns.models import EmailPattern, SMSPattern
from notifyhub.webhooks.models import Webhook
from tests.support.factories import (
    EmailNotifierFactory,
    EmailPatternFactory,
    SMSNotifierFactory,
    SMSPatternFactory,
    UserFactory,
    WebhookFactory,
)

MOMENTS = {
    "created_at": datetime(2025, 12, 28, 16, 42, 35, tzinfo=UTC),
    "updated_at": datetime(2025, 12, 28, 16, 42, 35, 264559, tzinfo=UTC),
}


def _sms_notifiers() -> None:
    SMSNotifierFactory(name="پیامک", **MOMENTS)
    SMSNotifierFactory(settings={})
    SMSNotifierFactory(
        settings={"token": "a-token", "deep": [{"api_key": 12345678901, "on": True, "none": None}]}
    )


def _email_notifiers() -> None:
    EmailNotifierFactory(name="رایانامه", **MOMENTS)
    EmailNotifierFactory(port=None, username="", password="", use_tls=False, use_ssl=True, fail_silently=True)


def _sms_patterns() -> None:
    SMSPatternFactory(body='{۱} "\\\n', **MOMENTS)
    SMSPatternFactory(description="", status="approved")


def _email_patterns() -> None:
    EmailPatternFactory(body_html='{۱} "\\\n', **MOMENTS)
    EmailPatternFactory(description="", from_email="فروشگاه <info@example.com>", body_html="")


def _webhooks() -> None:
    WebhookFactory(url="https://shop.example.com/", **MOMENTS)
    WebhookFactory(is_active=False, disabled_reason="It failed.")


def _users() -> None:
    UserFactory(name="فروشگاه", role=Role.STAFF, codes=(7811, 1036, 2812), **MOMENTS)
    UserFactory(is_active=False)


ROWS: dict[type, Callable[[], None]] = {
    SMSNotifier: _sms_notifiers,
    EmailNotifier: _email_notifiers,
    SMSPattern: _sms_patterns,
    EmailPattern: _email_patterns,
    Webhook: _webhooks,
    User: _users,
}


def _resources(app: Flask) -> set[Resource]:
    views = (view.func for view in app.view_functions.values() if isinstance(view, partial))
    owners = (getattr(view, "__self__", None) for view in views)
    return {owner for owner in owners if isinstance(owner, Resource)}


@pytest.mark.parametrize("masked", [False, True])
def test_a_list_gives_what_the_schema_would(
    app: Flask, monkeypatch: pytest.MonkeyPatch, masked: bool
) -> None:
    monkeypatch.setitem(app.config, "MASK_SECRETS", masked)
    resources = _resources(app)
    assert {resource.model for resource in resources} == ROWS.keys()
    with app.app_context():
        for resource in resources:
            ROWS[resource.model]()
            rows = db.session.execute(select(*resource.serializer.columns).order_by(resource.model.id)).all()
            stored = db.session.scalars(select(resource.model).order_by(resource.model.id)).all()
            expected: list[Any] = resource.schema.dump(stored, many=True)
            assert len(rows) >= 2
            assert json.encode(resource.serializer.dump(rows)) == json.encode(expected)
