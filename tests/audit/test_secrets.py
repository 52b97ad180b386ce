"""No secret stands in the audit, whatever is stored and changed."""

import json
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from notifyhub.audit.models import AuditEntry
from notifyhub.database.connections import autocommit
from notifyhub.extensions import db
from notifyhub.text.secret_names import HIDDEN
from tests.support.clients import Api
from tests.support.factories import MessageFactory, SMSNotifierFactory

SMS = "/api/notifications/notifiers/sms"
EMAIL = "/api/notifications/notifiers/email"
USERS = "/api/users"
WEBHOOKS = "/api/notifications/webhooks"

some = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

secrets = st.text(st.characters(categories=("L", "N")), min_size=1, max_size=12).map("s3cr3t-{}".format)
names = st.sampled_from(["api_key", "Password2", "SECRET", "note", "pin", "username", "url", "x"])
further = st.dictionaries(
    names,
    st.recursive(
        secrets, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(names, inner, max_size=2)
    ),
    max_size=4,
)


def of_sms(token: str, others: dict[str, Any]) -> dict[str, Any]:
    return {**others, "token": token, "number": "50002"}


def changes(app: Flask) -> str:
    """Return all that the audit keeps of changes."""
    with app.app_context():
        found = autocommit().scalars(select(AuditEntry.changes)).all()
    return "\n".join(json.dumps(json.loads(one), ensure_ascii=False) for one in found)


@some
@given(secrets, further, secrets, further)
def test_no_setting_of_a_notifier_that_is_not_known_to_be_harmless(
    api: Api, app: Flask, token: str, others: dict[str, Any], new: str, new_others: dict[str, Any]
) -> None:
    body = {"name": "one", "backend": "melipayamak", "settings": of_sms(token, others)}
    made = api.post(SMS, body)
    assert made.status == 201, made.json
    url = f"{SMS}/{made.json['id']}"
    assert api.patch(url, {"settings": of_sms(new, new_others)}).status == 200
    assert api.patch(url, {"settings": {}}).status == 200
    assert api.patch(url, {"settings": of_sms(token, new_others)}).status == 200
    assert api.delete(url).status == 204
    told = changes(app)
    assert "50002" in told
    assert "s3cr3t" not in told


@some
@given(secrets, secrets)
def test_no_password_of_a_mail_server(api: Api, app: Flask, password: str, new: str) -> None:
    body = {"name": "m", "host": "mail.example.com", "username": "u", "from_email": "a@example.com"}
    made = api.post(EMAIL, {**body, "password": password})
    assert made.status == 201, made.json
    url = f"{EMAIL}/{made.json['id']}"
    assert api.patch(url, {"password": new}).status == 200
    assert api.delete(url).status == 204
    assert "s3cr3t" not in changes(app)


def test_no_secret_of_a_webhook_and_no_key(api: Api, app: Flask) -> None:
    made = api.post(WEBHOOKS, {"url": "https://shop.example.com/", "events": ["message.sent"]}).json
    rotated = api.post(f"{WEBHOOKS}/{made['id']}/rotate-secret").json["secret"]
    user = api.post(USERS, {"name": "shop", "role": "user"}).json["id"]
    token = api.post(f"{USERS}/{user}/tokens", {}).json
    assert api.delete(f"{WEBHOOKS}/{made['id']}").status == 204
    told = changes(app)
    for secret in (made["secret"], rotated, token["key"], str(api.token)):
        assert secret not in told
    assert token["prefix"] in told


def test_no_secret_in_the_url_of_a_webhook(api: Api, app: Flask) -> None:
    body = {"url": "https://shop.example.com/in?key=s3cr3t-1&shop=s3cr3t-2", "events": ["message.sent"]}
    made = api.post(WEBHOOKS, body).json
    url = f"{WEBHOOKS}/{made['id']}"
    assert api.patch(url, {"url": "https://shop.example.com/in?s3cr3t-3"}).status == 200
    assert api.get(url).json["url"] == "https://shop.example.com/in?s3cr3t-3"
    assert api.post(f"{url}/rotate-secret").status == 200
    rotated = app.test_cli_runner().invoke(args=["keys", "rotate"])
    assert rotated.exit_code == 0
    assert api.delete(url).status == 204
    entries = api.get("/api/audit?type=webhook").json["results"]
    before = f"https://shop.example.com/in?key={HIDDEN}&shop={HIDDEN}"
    after = f"https://shop.example.com/in?{HIDDEN}"
    assert [entry["object"]["name"] for entry in entries] == [after, after, after, after, before]
    assert entries[3]["changes"] == {"url": [before, after]}
    assert "s3cr3t" not in json.dumps(entries)


def test_neither_what_a_message_says_nor_to_whom(api: Api, app: Flask) -> None:
    with app.app_context():
        message = MessageFactory(recipient="+989121112233", text="a-text-of-a-message").id
        db.session.remove()
    assert api.post(f"/api/notifications/messages/{message}/cancel").status == 200
    told = changes(app)
    assert "cancelled" in told
    assert "9121112233" not in told
    assert "a-text-of-a-message" not in told


@pytest.fixture
def masking(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(app.config, "MASK_SECRETS", True)


@pytest.mark.usefixtures("masking")
def test_a_mask_that_comes_back_changes_nothing(api: Api, app: Flask) -> None:
    with app.app_context():
        id_ = SMSNotifierFactory(settings=of_sms("a-long-secret-token", {})).id
    url = f"{SMS}/{id_}"
    before = changes(app)
    assert api.patch(url, {"settings": api.get(url).json["settings"]}).status == 200
    assert changes(app) == before
