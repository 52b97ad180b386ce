"""What a message would be, over HTTP: shown as a send would make it, with nothing stored or announced."""

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Connection, func, select

from notifyhub.api.idempotency import IdempotencyKey
from notifyhub.extensions import db
from notifyhub.messages.events import MessagesDue
from notifyhub.messages.models import Message
from tests.messages.accounts import DELIVERY, MESSAGES, SETTINGS, Accounts
from tests.support.clients import Api
from tests.support.events import subscribed
from tests.support.queries import Queries

PREVIEW = f"{MESSAGES}/preview"
SHOWN = ["text", "encoding", "segments", "notifier_data", "to"]
SMS = {"channel": "sms", "to": "۰۹۱۲۱۲۳۴۵۶۷", "text": " سلام "}
EMAIL = {"channel": "email", "to": "ada@example.com", "subject": "s", "html": "x"}


def test_a_preview_shows_what_a_send_would_make(api: Api, accounts: Accounts) -> None:
    answer = api.post(PREVIEW, SMS)
    assert answer.status == 200
    assert list(answer.json) == SHOWN
    assert answer.json == {
        "text": "سلام",
        "encoding": "ucs2",
        "segments": 1,
        "notifier_data": api.get(SETTINGS).json["notifications_sms_notifier_data"],
        "to": "+989121234567",
    }


@pytest.mark.parametrize(
    "body",
    [
        SMS,
        SMS | {"text": "€" * 81},
        EMAIL,
        EMAIL | {"text": "Hello"},
        {"channel": "sms", "to": "+447911123456", "args": {"name": "Ada", "code": 7}},
        {"channel": "sms", "to": "09121234567", "text": "x"},
    ],
)
def test_a_preview_agrees_with_the_message(api: Api, accounts: Accounts, body: dict[str, Any]) -> None:
    api.patch(DELIVERY, {"sms_countries": []})
    body = body | {"pattern": accounts.named} if "args" in body else body
    message = api.post(MESSAGES, body).json
    assert api.post(PREVIEW, body).json == {name: message[name] for name in SHOWN}


@pytest.mark.parametrize(
    "body",
    [
        {},
        SMS | {"to": "x", "subject": "s"},
        SMS | {"notifier": 2**63 - 1},
        SMS | {"send_at": "2020-01-01T00:00:00Z"},
        {"channel": "sms", "to": "x", "pattern": 2**63 - 1},
        EMAIL | {"attachments": [{}]},
    ],
)
def test_a_preview_refuses_what_a_send_refuses(api: Api, accounts: Accounts, body: dict[str, Any]) -> None:
    preview, sent = api.post(PREVIEW, body), api.post(MESSAGES, body)
    assert (preview.status, preview.json) == (400, sent.json)


def test_a_preview_stores_and_announces_nothing(api: Api, app: Flask, accounts: Accounts) -> None:
    heard: list[Any] = []

    def hear(_connection: Connection, event: MessagesDue) -> None:
        heard.append(event.ids)

    with subscribed(MessagesDue, hear):
        for _ in range(2):
            answer = api.post(PREVIEW, SMS, headers={"Idempotency-Key": "a-key"})
            assert (answer.status, "Idempotent-Replayed" in answer.headers) == (200, False)
    with app.app_context():
        for model in (Message, IdempotencyKey):
            assert db.session.scalar(select(func.count()).select_from(model)) == 0
    assert heard == []


def test_a_preview_takes_one_statement_beside_the_tokens(
    api: Api, accounts: Accounts, queries: Queries
) -> None:
    api.post(PREVIEW, SMS)
    with queries as statements:
        assert api.post(PREVIEW, SMS).status == 200
    assert len(statements) == 2
