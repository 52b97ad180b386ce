"""Messages over HTTP: sending, previews, reading."""

import base64
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from notifyhub.auth.models import Role
from notifyhub.database.base import now
from notifyhub.extensions import db
from notifyhub.messages.answers import AttemptSchema, MessageDetailSchema, MessageSchema
from notifyhub.messages.models import Attempt, Batch, IdempotencyKey, Message, MessageAttachment
from notifyhub.messages.signals import due
from notifyhub.notifiers.models import SMSNotifier
from notifyhub.settings.models import DeliverySettings
from tests.conftest import Api, Queries
from tests.factories import MessageFactory
from tests.messages.accounts import BATCHES, MESSAGES, Accounts, make_accounts

MIB = 1024 * 1024


@pytest.fixture
def accounts(app: Flask) -> Accounts:
    return make_accounts(app)


@pytest.fixture
def heard() -> Iterator[list[list[int]]]:
    """The ids of each signal that messages are due."""
    signals: list[list[int]] = []

    def hear(_sender: Any, ids: list[int], urgent: bool) -> None:
        signals.append(ids)

    with due.connected_to(hear):
        yield signals


def sms(accounts: Accounts, **more: Any) -> dict[str, Any]:
    return {"channel": "sms", "to": "09121234567", "pattern": accounts.pattern, "args": ["12345"], **more}


def email(**more: Any) -> dict[str, Any]:
    return {"channel": "email", "to": "a@example.com", "subject": "Hello", "text": "World", **more}


def stored(app: Flask) -> int:
    """Return how many rows there are that a message leaves."""
    with app.app_context():
        counts = [
            select(func.count()).select_from(m) for m in (Message, MessageAttachment, Batch, IdempotencyKey)
        ]
        return sum(db.session.scalars(count).one() for count in counts)


def test_a_sent_sms_is_answered_with_all_its_fields_in_order(api: Api, accounts: Accounts) -> None:
    answer = api.post(MESSAGES, sms(accounts, to="۰۹۱۲ ۱۲۳ ۴۵ ۶۷", reference="r-1", metadata={"a": "b"}))
    assert answer.status == 201
    shown = answer.json
    assert list(shown) == list(MessageSchema().fields)
    moments = {name: shown.pop(name) for name in ("created_at", "updated_at", "expires_at")}
    assert moments["created_at"] == moments["updated_at"]
    assert datetime.fromisoformat(moments["expires_at"]) - datetime.fromisoformat(
        moments["created_at"]
    ) == timedelta(days=1)
    notifier = shown.pop("notifier_data")
    assert notifier["id"] == accounts.sms
    assert list(notifier) == ["id", "name"]
    assert shown == {
        "id": shown["id"],
        "channel": "sms",
        "status": "queued",
        "to": "+989121234567",
        "pattern_data": {"id": accounts.pattern, "name": "otp"},
        "subject": None,
        "text": "Your login code is 12345",
        "args": ["12345"],
        "encoding": "gsm7",
        "segments": 1,
        "reference": "r-1",
        "metadata": {"a": "b"},
        "batch": None,
        "test": False,
        "send_at": None,
        "sent_at": None,
        "delivered_at": None,
        "provider_message_id": None,
        "error": None,
    }


def test_a_message_is_read_as_it_was_answered_with_its_attempts(api: Api, accounts: Accounts) -> None:
    sent = api.post(MESSAGES, email(html="<p>", reply_to="Shop <s@example.com>")).json
    assert api.get(f"{MESSAGES}/{sent['id']}").json == {**sent, "attempts": []}
    assert api.get(MESSAGES).json["results"] == [sent]


def test_attempts_are_shown_the_first_one_first(api: Api, app: Flask, accounts: Accounts) -> None:
    with app.app_context():
        message_id = MessageFactory(error_code="no_credit", error_detail="اعتبار کافی نمی‌باشد").id
        ended = {"outcome": "temporary", "duration_ms": 84, "error_code": "no_credit", "error_detail": "…"}
        for values in (ended, {}):
            db.session.add(
                Attempt(
                    message_id=message_id,
                    round=1,
                    notifier_id=7,
                    notifier_name="n",
                    started_at=now(),
                    **values,
                )
            )
        db.session.commit()
    message = api.get(f"{MESSAGES}/{message_id}").json
    assert message["error"] == {"code": "no_credit", "detail": "اعتبار کافی نمی‌باشد"}
    assert [list(attempt) for attempt in message["attempts"]] == [list(AttemptSchema().fields)] * 2
    first, second = message["attempts"]
    assert first["notifier_data"] == {"id": 7, "name": "n"}
    assert (first["outcome"], first["duration_ms"], first["error"]) == (
        "temporary",
        84,
        {"code": "no_credit", "detail": "…"},
    )
    assert (second["outcome"], second["duration_ms"], second["error"]) == (None, None, None)
    assert list(message) == list(MessageDetailSchema().fields)


def test_an_unknown_message_or_batch_is_404(api: Api) -> None:
    for url in (f"{MESSAGES}/1", f"{MESSAGES}/{'9' * 30}", f"{BATCHES}/1"):
        assert api.get(url).status == 404


def test_a_message_outlives_its_notifier_and_its_pattern(api: Api, app: Flask, accounts: Accounts) -> None:
    sent = api.post(MESSAGES, sms(accounts)).json
    api.patch("/api/settings/notifications", {"notifications_sms_notifier": None})
    assert api.delete(f"/api/notifications/notifiers/sms/{accounts.sms}").status == 204
    shown = api.get(f"{MESSAGES}/{sent['id']}").json
    assert (shown["notifier_data"], shown["pattern_data"]) == (sent["notifier_data"], sent["pattern_data"])
    assert api.post(MESSAGES, sms(accounts)).status == 400


def test_a_message_lives_as_long_as_the_delivery_settings_say(
    api: Api, app: Flask, accounts: Accounts
) -> None:
    with app.app_context():
        db.session.add(DeliverySettings(message_ttl=60))
        db.session.commit()
    for message in (sms(accounts), sms(accounts, pattern=None, args=None, text="Hello"), email()):
        sent = api.post(MESSAGES, message).json
        life = datetime.fromisoformat(sent["expires_at"]) - datetime.fromisoformat(sent["created_at"])
        assert life == timedelta(seconds=60)


def test_due_messages_are_told_after_they_are_stored(
    api: Api, app: Flask, accounts: Accounts, heard: list[list[int]]
) -> None:
    sent = api.post(MESSAGES, sms(accounts)).json["id"]
    later = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    scheduled = api.post(MESSAGES, sms(accounts, send_at=later)).json
    assert (scheduled["status"], heard) == ("scheduled", [[sent]])
    with app.app_context():
        message = db.session.get_one(Message, scheduled["id"])
        assert message.next_attempt_at == message.send_at == datetime.fromisoformat(later)
    api.post(f"{MESSAGES}/bulk", {"messages": [email(), email(send_at=later), email()]})
    assert [len(ids) for ids in heard] == [1, 2]


def test_a_receiver_that_fails_is_logged_and_no_error_to_the_client(
    api: Api, accounts: Accounts, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_sender: Any, ids: list[int], urgent: bool) -> None:
        raise ConnectionError("no broker")

    with due.connected_to(fail):
        answer = api.post(MESSAGES, sms(accounts))
    assert answer.status == 201
    assert api.get(f"{MESSAGES}/{answer.json['id']}").json["status"] == "queued"
    assert "a receiver failed" in caplog.text


def test_a_test_tokens_messages_say_so(app: Flask, token: Callable[..., str], accounts: Accounts) -> None:
    tester = Api(app.test_client(), token(test=True))
    assert tester.post(MESSAGES, sms(accounts)).json["test"] is True
    batch = tester.post(f"{MESSAGES}/bulk", {"messages": [sms(accounts)]}).json["batch"]
    assert [m["test"] for m in tester.get(f"{MESSAGES}?batch={batch}").json["results"]] == [True]
    assert tester.post(MESSAGES, sms(accounts, args=[])).status == 400


def test_a_preview_stores_and_sends_nothing(
    api: Api, app: Flask, accounts: Accounts, heard: list[list[int]]
) -> None:
    answer = api.post(f"{MESSAGES}/preview", sms(accounts, args=["۱۲۳"]))
    with app.app_context():
        name = db.session.get_one(SMSNotifier, accounts.sms).name
    assert (answer.status, answer.json) == (
        200,
        {
            "text": "Your login code is ۱۲۳",
            "encoding": "ucs2",
            "segments": 1,
            "notifier_data": {"id": accounts.sms, "name": name},
            "to": "+989121234567",
        },
    )
    assert api.post(f"{MESSAGES}/preview", email()).json["segments"] is None
    assert api.post(f"{MESSAGES}/preview", sms(accounts, args=[])).status == 400
    assert (stored(app), heard) == (0, [])


@pytest.mark.parametrize(
    ("code", "method", "path"),
    [
        (2841, "POST", ""),
        (2841, "POST", "/bulk"),
        (2841, "POST", "/preview"),
        (2842, "GET", ""),
        (2842, "GET", "/1"),
        (2843, "POST", "/1/cancel"),
        (2843, "POST", "/1/retry"),
    ],
)
def test_each_operation_needs_its_code(staff: Callable[..., Api], code: int, method: str, path: str) -> None:
    others = {2841, 2842, 2843} - {code}
    assert staff(*others).call(method, MESSAGES + path).status == 403
    assert staff(code).call(method, MESSAGES + path).status in {200, 400, 404}


def test_a_message_can_be_neither_changed_nor_deleted(api: Api, accounts: Accounts) -> None:
    url = f"{MESSAGES}/{api.post(MESSAGES, sms(accounts)).json['id']}"
    for method in ("PATCH", "POST", "PUT", "DELETE"):
        assert api.call(method, url, {}).status == 405


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, {"channel", "to"}),
        ({"channel": "fax", "to": "1"}, {"channel"}),
        ({"channel": ["sms"], "to": {}}, {"channel", "to"}),
        ({"channel": "sms", "to": "", "text": "x"}, {"to"}),
        ({"channel": "sms", "to": "09121234567", "text": "x\0"}, {"text"}),
        ({"channel": "sms", "to": "09121234567", "text": "x", "metadata": {"\0": "x"}}, {"metadata"}),
        ({"channel": "sms", "to": "09121234567", "pattern": "x", "notifier": True}, {"pattern", "notifier"}),
        ({"channel": "sms", "to": "09121234567", "pattern": -1}, {"pattern"}),
        ({"channel": "sms", "to": "09121234567", "pattern": "9" * 30}, {"pattern"}),
        (
            {"channel": "email", "to": "a@b.example", "subject": "x", "text": "x", "attachments": {}},
            {"attachments"},
        ),
        (
            {"channel": "email", "to": "a@b.example", "subject": "x", "text": "x", "attachments": [1]},
            {"attachments"},
        ),
    ],
)
def test_what_is_wrong_is_400_by_field_and_stores_nothing(
    api: Api, app: Flask, accounts: Accounts, body: dict[str, Any], fields: set[str]
) -> None:
    answer = api.post(MESSAGES, body)
    assert (answer.status, set(answer.json)) == (400, fields)
    assert stored(app) == 0


HOSTILE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=8)
    | st.just("\ud800"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=4,
)
FIELDS = (
    *("channel", "to", "notifier", "pattern", "args", "text", "subject", "html", "reply_to", "attachments"),
    *("reference", "metadata", "send_at", "expires_at"),
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    base=st.sampled_from(["sms", "email"]),
    change=st.dictionaries(st.sampled_from(FIELDS), HOSTILE, min_size=1, max_size=3),
    where=st.sampled_from(["", "/preview", "/bulk"]),
)
def test_no_body_is_an_error_of_the_service(
    api: Api, accounts: Accounts, base: str, change: dict[str, Any], where: str
) -> None:
    message = {**(sms(accounts) if base == "sms" else email()), **change}
    body = json.dumps({"messages": [message]} if where == "/bulk" else message)
    answer = api.call("POST", MESSAGES + where, data=body, content_type="application/json")
    assert answer.status in {200, 201, 400}, (change, answer.json)


def test_bodies_of_messages_may_have_ten_mebibytes(api: Api, app: Flask, accounts: Accounts) -> None:
    content = base64.b64encode(b"x" * (7 * MIB)).decode()
    file = {"filename": "a.bin", "content_type": "application/octet-stream", "content": content}
    answer = api.post(MESSAGES, email(attachments=[file]))
    assert answer.status == 201
    with app.app_context():
        assert db.session.scalars(select(func.length(MessageAttachment.content))).all() == [7 * MIB]
    too_long = {"text": "x" * (10 * MIB)}
    for path in ("", "/bulk", "/preview"):
        assert api.post(MESSAGES + path, too_long).status == 413
    assert api.post("/api/notifications/notifiers/sms", {"name": "x" * (2 * MIB)}).status == 413


def test_without_a_token_no_long_body_is_taken(anonymous: Api) -> None:
    assert anonymous.post(MESSAGES, {"text": "x" * (11 * MIB)}).status == 401


def test_html_may_be_long_and_attachments_several(api: Api, app: Flask, accounts: Accounts) -> None:
    files = [
        {
            "filename": f"{n}.txt",
            "content_type": "text/plain",
            "content": base64.b64encode(b"%d" % n).decode(),
        }
        for n in range(3)
    ]
    sent = api.post(MESSAGES, email(html="<p>" * 100_000, attachments=files))
    assert sent.status == 201
    with app.app_context():
        message = db.session.get_one(Message, sent.json["id"])
        assert [(a.filename, a.content) for a in message.attachments] == [
            ("0.txt", b"0"),
            ("1.txt", b"1"),
            ("2.txt", b"2"),
        ]


@pytest.mark.parametrize(("key", "most"), [(None, 3), ("a-key", 5)])
def test_accepting_a_message_takes_few_statements(
    api: Api, accounts: Accounts, queries: Queries, key: str | None, most: int
) -> None:
    by_text = {"channel": "sms", "to": "09121234567", "text": "Hello"}
    with time_machine.travel(datetime(2025, 3, 1, tzinfo=UTC), tick=False):
        api.get("/api/me")
        for n, message in enumerate((sms(accounts), by_text, {**by_text, "notifier": accounts.sms}, email())):
            headers = {"Idempotency-Key": f"{key}-{n}"} if key else {}
            with queries as sent:
                assert api.post(MESSAGES, message, headers=headers).status == 201
            assert len(sent) == most, sent


def test_a_user_may_not_send(app: Flask, token: Callable[..., str], accounts: Accounts) -> None:
    assert Api(app.test_client(), token(Role.USER)).post(MESSAGES, sms(accounts)).status == 403
