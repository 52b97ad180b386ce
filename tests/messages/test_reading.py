"""Single messages as they are read."""

from datetime import UTC, datetime

import pytest
from flask import Flask

from notifyhub.api.http.json import timestamp
from notifyhub.extensions import db
from notifyhub.messages.models import Attempt, MessageStatus, Outcome
from tests.messages.accounts import MESSAGES, Accounts
from tests.messages.bodies import by_pattern, email, sms
from tests.support.clients import Api
from tests.support.factories import AttemptFactory, MessageFactory
from tests.support.queries import Queries


def test_a_message_is_read_with_its_attempts_in_order(api: Api, app: Flask) -> None:
    moment = datetime(2025, 3, 1, 12, tzinfo=UTC)
    tried = [
        {"notifier_id": 3, "outcome": Outcome.TEMPORARY, "error_code": "busy", "error_detail": "try later"},
        {"notifier_id": 4, "outcome": Outcome.UNCERTAIN, "error_code": "timeout", "duration_ms": 10_000},
        {"notifier_id": 3, "outcome": Outcome.ACCEPTED, "round": 2},
        {"notifier_id": 3, "outcome": None, "duration_ms": None, "round": 3},
    ]
    with app.app_context():
        made = MessageFactory(
            status=MessageStatus.SENT,
            sent_at=moment,
            delivered_at=moment,
            provider_message_id="0037",
            error_code="x",
        ).id
        AttemptFactory(message_id=MessageFactory().id)
        for attempt in tried:
            AttemptFactory(message_id=made, started_at=moment, **attempt)
    message = api.get(f"{MESSAGES}/{made}").json
    assert message["provider_message_id"] == "0037"
    assert message["error"] == {"code": "x", "detail": ""}
    assert (message["sent_at"], message["delivered_at"]) == (timestamp(moment), timestamp(moment))
    attempts = message["attempts"]
    assert all(
        list(attempt) == ["notifier_data", "started_at", "duration_ms", "outcome", "error"]
        for attempt in attempts
    )
    assert attempts[0] == {
        "notifier_data": {"id": 3, "name": "notifier-3"},
        "started_at": timestamp(moment),
        "duration_ms": 84,
        "outcome": "temporary",
        "error": {"code": "busy", "detail": "try later"},
    }
    assert [attempt["outcome"] for attempt in attempts] == ["temporary", "uncertain", "accepted", None]
    assert [attempt["duration_ms"] for attempt in attempts] == [84, 10_000, 84, None]


@pytest.mark.parametrize("id", ["0", "99999", str(2**63), "9" * 50])
def test_a_message_that_is_not_there_is_404(api: Api, id: str) -> None:
    answer = api.get(f"{MESSAGES}/{id}")
    assert (answer.status, answer.json) == (404, {"detail": "Not found."})


def test_messages_stay_readable_without_their_notifier_and_pattern(api: Api, accounts: Accounts) -> None:
    bodies = (by_pattern(accounts.pattern), sms(reference="r"), email())
    made = [api.post(MESSAGES, body).json for body in bodies]
    api.patch(
        "/api/settings/notifications",
        {"notifications_sms_notifier": None, "notifications_email_notifier": None},
    )
    url = "/api/notifications/notifiers"
    assert api.delete(f"{url}/sms/{accounts.sms}").status == 204
    assert api.delete(f"{url}/email/{accounts.email}").status == 204
    for message in made:
        assert api.get(f"{MESSAGES}/{message['id']}").json == message | {"attempts": []}
    for query, wanted in (
        ("", made[::-1]),
        (f"?pattern={accounts.pattern}", made[:1]),
        (f"?channel=sms&notifier={accounts.sms}", made[1::-1]),
    ):
        assert api.get(MESSAGES + query).json["results"] == wanted


def test_a_message_is_read_in_two_statements_beside_the_tokens(
    api: Api, app: Flask, queries: Queries
) -> None:
    with app.app_context():
        made = MessageFactory().id
        AttemptFactory.create_batch(20, message_id=made)
        assert db.session.query(Attempt).count() == 20
    api.get(MESSAGES)
    with queries as statements:
        assert len(api.get(f"{MESSAGES}/{made}").json["attempts"]) == 20
    assert len(statements) == 3


def test_head_answers_as_get_without_a_body(api: Api, app: Flask) -> None:
    with app.app_context():
        made = MessageFactory().id
    for url in (MESSAGES, f"{MESSAGES}/{made}"):
        got, head = api.get(url), api.call("HEAD", url)
        assert (head.status, head.response.data) == (200, b"")
        assert head.headers["Content-Length"] == got.headers["Content-Length"]
