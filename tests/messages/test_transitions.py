"""Cancelling and retrying: who may, what becomes of the message, and that of rivals one wins."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Connection, update

from notifyhub.database.base import now
from notifyhub.extensions import db
from notifyhub.messages.events import MessagesDue
from notifyhub.messages.models import Message, MessageStatus
from notifyhub.messages.transitions import CANCELLABLE, RETRIABLE
from tests.messages.accounts import MESSAGES
from tests.support.clients import Api
from tests.support.events import subscribed
from tests.support.factories import MessageFactory

ROUNDS = 25


def make(app: Flask, **values: Any) -> int:
    with app.app_context():
        message: Message = MessageFactory(**values)
        return message.id


def read(app: Flask, message_id: int) -> Message:
    with app.app_context():
        return db.session.get_one(Message, message_id)


@pytest.mark.parametrize("status", list(MessageStatus))
@pytest.mark.parametrize(("action", "from_"), [("cancel", CANCELLABLE), ("retry", RETRIABLE)])
def test_only_some_states_can_be_left(
    api: Api, app: Flask, status: MessageStatus, action: str, from_: tuple[MessageStatus, ...]
) -> None:
    claimed = {"lease_token": "x", "lease_until": now()} if status is MessageStatus.SENDING else {}
    message_id = make(app, status=status, **claimed)
    before = read(app, message_id).updated_at
    answer = api.post(f"{MESSAGES}/{message_id}/{action}")
    after = read(app, message_id)
    if status in from_:
        assert (answer.status, answer.json["id"]) == (200, message_id)
        assert answer.json["status"] == after.status == ("cancelled" if action == "cancel" else "queued")
        assert after.updated_at > before
        assert "attempts" in answer.json
    else:
        assert (answer.status, list(answer.json)) == (409, ["detail"])
        assert status in answer.json["detail"]
        assert (after.status, after.updated_at) == (status, before)


@pytest.mark.parametrize("action", ["cancel", "retry"])
def test_an_unknown_message_is_404(api: Api, action: str) -> None:
    assert api.post(f"{MESSAGES}/1/{action}").status == 404


def test_a_cancelled_message_is_never_due(api: Api, app: Flask) -> None:
    message_id = make(app, status=MessageStatus.SCHEDULED, next_attempt_at=now() + timedelta(days=1))
    api.post(f"{MESSAGES}/{message_id}/cancel")
    assert read(app, message_id).next_attempt_at is None


def test_a_retried_message_begins_anew(api: Api, app: Flask) -> None:
    heard: list[int] = []
    message_id = make(
        app,
        status=MessageStatus.UNDELIVERED,
        rounds=5,
        next_attempt_at=None,
        sent_at=now(),
        provider_message_id="1",
        error_code="undelivered",
        error_detail="2",
        report_due_at=now(),
        reports_asked=3,
    )
    expires_at = read(app, message_id).expires_at

    def hear(_connection: Connection, event: MessagesDue) -> None:
        heard.extend(event.ids)

    with subscribed(MessagesDue, hear):
        answer = api.post(f"{MESSAGES}/{message_id}/retry").json
    assert heard == [message_id]
    assert [answer[name] for name in ("sent_at", "delivered_at", "provider_message_id", "error")] == [
        None
    ] * 4
    after = read(app, message_id)
    assert (after.rounds, after.reports_asked, after.report_due_at) == (0, 0, None)
    assert after.next_attempt_at is not None
    assert after.next_attempt_at <= now()
    assert after.expires_at == expires_at


def test_a_message_whose_time_was_over_gets_a_new_life(api: Api, app: Flask) -> None:
    message_id = make(app, status=MessageStatus.EXPIRED, expires_at=now() - timedelta(seconds=1))
    begun = now()
    api.post(f"{MESSAGES}/{message_id}/retry")
    life = read(app, message_id).expires_at - begun
    assert timedelta(days=1) <= life < timedelta(days=1, minutes=1)


def race(*rivals: Callable[[], Any]) -> list[Any]:
    """Return what the rivals give, begun at the same time."""
    barrier = Barrier(len(rivals))

    def run(rival: Callable[[], Any]) -> Any:
        barrier.wait(10)
        return rival()

    with ThreadPoolExecutor(len(rivals)) as threads:
        return list(threads.map(run, rivals))


def claim(app: Flask, message_id: int) -> bool:
    """Claim a message as a worker does, and return whether it was got."""
    with app.app_context(), db.engine.begin() as connection:
        free = (MessageStatus.SCHEDULED, MessageStatus.QUEUED)
        mine = update(Message).where(Message.id == message_id, Message.status.in_(free))
        leased = mine.values(status=MessageStatus.SENDING, lease_until=now())
        return connection.execute(leased).rowcount == 1


@pytest.mark.parametrize("next_in", [timedelta(seconds=30), -timedelta(seconds=30)])
def test_a_message_that_waits_between_two_attempts_can_be_cancelled(
    api: Api, app: Flask, next_in: timedelta
) -> None:
    waiting = {
        "status": MessageStatus.SENDING,
        "next_attempt_at": now() + next_in,
        "error_code": "notifier_resting",
    }
    message_id = make(app, **waiting)
    shown = api.get(f"{MESSAGES}/{message_id}").json
    assert shown["next_attempt_at"]
    assert shown["error"]["code"] == "notifier_resting"
    answer = api.post(f"{MESSAGES}/{message_id}/cancel")
    assert (answer.status, answer.json["status"]) == (200, "cancelled")
    assert answer.json["next_attempt_at"] is None


@pytest.mark.parametrize(
    ("action", "status"), [("cancel", MessageStatus.QUEUED), ("retry", MessageStatus.FAILED)]
)
@pytest.mark.parametrize(("caller", "owner", "answer"), [(0, 0, 200), (0, 1, 200), (1, 0, 404), (1, 1, 200)])
def test_a_test_token_changes_only_messages_of_test_tokens(
    app: Flask,
    token: Callable[..., str],
    action: str,
    status: MessageStatus,
    caller: int,
    owner: int,
    answer: int,
) -> None:
    message_id = make(app, status=status, is_test=bool(owner))
    api = Api(app.test_client(), token(test=bool(caller)))
    assert api.post(f"{MESSAGES}/{message_id}/{action}").status == answer
    assert (read(app, message_id).status == status) == (answer == 404)
    assert api.get(f"{MESSAGES}/{message_id}").status == 200


def test_a_message_is_either_cancelled_or_claimed(api: Api, app: Flask) -> None:
    for _ in range(ROUNDS):
        message_id = make(app)
        answer, claimed = race(
            lambda id_=message_id: api.post(f"{MESSAGES}/{id_}/cancel").status,
            lambda id_=message_id: claim(app, id_),
        )
        assert (answer, claimed) in {(200, False), (409, True)}
        assert read(app, message_id).status == ("sending" if claimed else "cancelled")


def test_of_concurrent_retries_one_wins(api: Api, app: Flask) -> None:
    for _ in range(ROUNDS):
        message_id = make(app, status=MessageStatus.FAILED)
        again = [lambda id_=message_id: api.post(f"{MESSAGES}/{id_}/retry").status] * 2
        assert sorted(race(*again)) == [200, 409]
