"""Messages over HTTP: who may send, who is told, what can't break it."""

import base64
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, func, select

from notifyhub.database.connections import after_commit
from notifyhub.extensions import db
from notifyhub.messages.events import MessagesDue
from notifyhub.messages.models import Message, MessageAttachment
from notifyhub.messages.request_schemas import MessageRequestSchema
from tests.messages.accounts import BATCHES, MESSAGES, Accounts
from tests.messages.bodies import by_pattern, email
from tests.support.clients import Api
from tests.support.events import subscribed

MIB = 1024 * 1024


@pytest.fixture
def heard() -> Iterator[list[list[int]]]:
    """The ids of each signal that messages are due."""
    signals: list[list[int]] = []

    def hear(_connection: Connection, event: MessagesDue) -> None:
        signals.append(list(event.ids))

    with subscribed(MessagesDue, hear):
        yield signals


@pytest.mark.parametrize("id", ["1", "9" * 30])
def test_an_unknown_batch_is_404(api: Api, id: str) -> None:
    assert api.get(f"{BATCHES}/{id}").status == 404


def test_due_messages_are_told_after_they_are_stored(
    api: Api, app: Flask, accounts: Accounts, heard: list[list[int]]
) -> None:
    sent = api.post(MESSAGES, by_pattern(accounts.pattern)).json["id"]
    later = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    scheduled = api.post(MESSAGES, by_pattern(accounts.pattern, send_at=later)).json
    assert (scheduled["status"], heard) == ("scheduled", [[sent]])
    with app.app_context():
        message = db.session.get_one(Message, scheduled["id"])
        assert message.next_attempt_at == message.send_at == datetime.fromisoformat(later)
    api.post(f"{MESSAGES}/bulk", {"messages": [email(), email(send_at=later), email()]})
    assert [len(ids) for ids in heard] == [1, 2]


def test_a_broker_that_fails_is_logged_and_no_error_to_the_client(
    api: Api, accounts: Accounts, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise ConnectionError("no broker")

    with subscribed(MessagesDue, lambda _connection, _event: after_commit(fail)):
        answer = api.post(MESSAGES, by_pattern(accounts.pattern))
    assert answer.status == 201
    assert api.get(f"{MESSAGES}/{answer.json['id']}").json["status"] == "queued"
    assert "What was to follow a commit failed" in caplog.text


def test_a_test_tokens_messages_say_so(app: Flask, token: Callable[..., str], accounts: Accounts) -> None:
    tester = Api(app.test_client(), token(test=True))
    assert tester.post(MESSAGES, by_pattern(accounts.pattern)).json["test"] is True
    batch = tester.post(f"{MESSAGES}/bulk", {"messages": [by_pattern(accounts.pattern)]}).json["batch"]
    assert [m["test"] for m in tester.get(f"{MESSAGES}?batch={batch}").json["results"]] == [True]
    assert tester.post(MESSAGES, by_pattern(accounts.pattern, args=[])).status == 400


@pytest.mark.parametrize(
    ("code", "method", "path"),
    [
        (7811, "POST", ""),
        (7811, "POST", "/bulk"),
        (7811, "POST", "/preview"),
        (7812, "GET", ""),
        (7812, "GET", "/1"),
        (7813, "POST", "/1/cancel"),
        (7813, "POST", "/1/retry"),
    ],
)
def test_each_operation_needs_its_code(staff: Callable[..., Api], code: int, method: str, path: str) -> None:
    others = {7811, 7812, 7813} - {code}
    assert staff(*others).call(method, MESSAGES + path).status == 403
    assert staff(code).call(method, MESSAGES + path).status in {200, 400, 404}


def test_a_message_can_be_neither_changed_nor_deleted(api: Api, accounts: Accounts) -> None:
    url = f"{MESSAGES}/{api.post(MESSAGES, by_pattern(accounts.pattern)).json['id']}"
    for method in ("PATCH", "POST", "PUT", "DELETE"):
        assert api.call(method, url, {}).status == 405


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
FIELDS = tuple(MessageRequestSchema().fields)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    base=st.sampled_from(["sms", "email"]),
    change=st.dictionaries(st.sampled_from(FIELDS), HOSTILE, min_size=1, max_size=3),
    where=st.sampled_from(["", "/preview", "/bulk"]),
)
def test_no_body_is_an_error_of_the_service(
    api: Api, accounts: Accounts, base: str, change: dict[str, Any], where: str
) -> None:
    message = {**(by_pattern(accounts.pattern) if base == "sms" else email()), **change}
    body = json.dumps({"messages": [message]} if where == "/bulk" else message)
    answer = api.call("POST", MESSAGES + where, data=body, content_type="application/json")
    assert answer.status in {200, 201, 400}, (change, answer.json)


def test_files_may_be_large(api: Api, app: Flask, accounts: Accounts) -> None:
    content = base64.b64encode(b"x" * (7 * MIB)).decode()
    file = {"filename": "a.bin", "content_type": "application/octet-stream", "content": content}
    answer = api.post(MESSAGES, email(attachments=[file]))
    assert answer.status == 201
    with app.app_context():
        assert db.session.scalars(select(func.length(MessageAttachment.content))).all() == [7 * MIB]
