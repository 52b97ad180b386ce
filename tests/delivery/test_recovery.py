"""The recovery: what nobody else looks after."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from notifyhub.database.base import now
from notifyhub.delivery import claims, recovery
from notifyhub.delivery.recovery import Recovery, recover
from notifyhub.extensions import db
from notifyhub.jobs import queues
from notifyhub.messages.models import Message, MessageStatus, Outcome
from notifyhub.settings.models import DeliverySettings
from tests.support.factories import MessageFactory

MINUTE = timedelta(minutes=1)


@pytest.fixture
def context(app: Flask) -> Iterator[None]:
    with app.app_context():
        yield
        db.session.rollback()


def stored(**values: Any) -> Message:
    """A message whose moments are given relative to now."""
    moments = {name: now() + value for name, value in values.items() if isinstance(value, timedelta)}
    return MessageFactory(**{**values, **moments})  # type: ignore[no-any-return]


def read(message: Message) -> Message:
    db.session.refresh(message)
    assert isinstance(message.attempts, list)
    db.session.commit()
    return message


@pytest.mark.usefixtures("context")
@pytest.mark.parametrize(
    ("values", "enqueued"),
    [
        ({"status": MessageStatus.SCHEDULED, "next_attempt_at": -MINUTE}, 1),
        ({"status": MessageStatus.SCHEDULED, "next_attempt_at": MINUTE}, 0),
        ({"status": MessageStatus.SENDING, "next_attempt_at": timedelta(0)}, 1),
        # Its call has just gone out; or was lost, which shows after a while.
        ({"status": MessageStatus.QUEUED, "next_attempt_at": timedelta(0)}, 0),
        ({"status": MessageStatus.QUEUED, "next_attempt_at": -MINUTE}, 1),
        # It has been called already; or too long ago; or for an earlier round.
        ({"status": MessageStatus.QUEUED, "next_attempt_at": -MINUTE, "enqueued_at": timedelta(0)}, 0),
        ({"status": MessageStatus.QUEUED, "next_attempt_at": -2 * MINUTE, "enqueued_at": -MINUTE}, 1),
        ({"status": MessageStatus.SENDING, "next_attempt_at": timedelta(0), "enqueued_at": -MINUTE / 6}, 1),
        ({"status": MessageStatus.SENDING, "next_attempt_at": -MINUTE, "lease_until": MINUTE}, 0),
        ({"status": MessageStatus.CANCELLED, "next_attempt_at": -MINUTE}, 0),
        ({"status": MessageStatus.SENT, "next_attempt_at": None}, 0),
    ],
)
def test_what_is_due_and_not_looked_after_is_enqueued_once(values: dict[str, Any], enqueued: int) -> None:
    message = stored(**values)
    changed = message.updated_at
    before = queues.publisher().depth(queues.MESSAGES) or 0
    assert recover() == Recovery(0, 0, enqueued)
    assert recover() == Recovery(0, 0, 0)
    assert queues.publisher().depth(queues.MESSAGES) == before + enqueued
    assert read(message).updated_at == changed


@pytest.mark.usefixtures("context")
def test_the_queue_is_not_filled_beyond_what_workers_can_soon_take_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("notifyhub.jobs.dispatcher.BATCH", 4)
    depth = queues.publisher().depth(queues.MESSAGES) or 0
    dispatcher = replace(recovery._others, rows_per_job=4, max_depth=depth + 3)
    monkeypatch.setattr(recovery, "_others", dispatcher)
    for _ in range(15):
        stored(status=MessageStatus.SCHEDULED, next_attempt_at=-MINUTE)
    assert recover().enqueued == 3 * 4
    assert recover().enqueued == 0


@pytest.mark.usefixtures("context")
def test_what_could_not_be_enqueued_is_not_taken_for_enqueued(monkeypatch: pytest.MonkeyPatch) -> None:
    message = stored(status=MessageStatus.SCHEDULED, next_attempt_at=-MINUTE)
    with monkeypatch.context() as patch:
        patch.setattr(recovery, "enqueue", lambda *_: False)
        assert recover().enqueued == 0
    assert read(message).enqueued_at is None
    assert recover().enqueued == 1


@pytest.mark.usefixtures("context")
@pytest.mark.parametrize("status", [MessageStatus.SCHEDULED, MessageStatus.QUEUED, MessageStatus.SENDING])
def test_what_is_over_expires(status: MessageStatus) -> None:
    message = stored(
        status=status, next_attempt_at=-MINUTE, expires_at=timedelta(seconds=-1), error_code="deferred"
    )
    assert recover() == Recovery(0, 1, 0)
    expired = read(message)
    assert (expired.status, expired.next_attempt_at) == (MessageStatus.EXPIRED, None)
    assert expired.error_code == "deferred"


def died(**values: Any) -> Message:
    """A message whose worker died in its attempt."""
    message = stored(**values)
    assert claims.claim([message.id])
    message.lease_until = message.next_attempt_at = now() - MINUTE / 60
    db.session.commit()
    return message


@pytest.mark.usefixtures("context")
def test_an_attempt_whose_worker_died_is_uncertain_and_the_message_waits_for_its_next_round() -> None:
    message = read(died())
    assert recover() == Recovery(1, 0, 0)
    read(message)
    [attempt] = message.attempts
    assert (attempt.outcome, attempt.error_code) == (Outcome.UNCERTAIN, "worker_lost")
    assert (message.status, message.rounds, message.lease_token) == (MessageStatus.SENDING, 1, None)
    assert message.lease_until is None
    assert message.next_attempt_at
    assert message.next_attempt_at > now() + timedelta(seconds=4)


@pytest.mark.usefixtures("context")
def test_it_fails_where_doubtful_messages_are_not_repeated() -> None:
    db.session.merge(DeliverySettings(id=1, resend_uncertain=False))
    message = died()
    assert recover() == Recovery(1, 0, 0)
    assert (read(message).status, message.error_code) == (MessageStatus.FAILED, "uncertain")


@pytest.mark.usefixtures("context")
def test_its_next_round_is_not_put_off_beyond_its_expiry() -> None:
    message = died(expires_at=timedelta(seconds=2))
    assert recover().released == 1
    assert read(message).next_attempt_at == message.expires_at


@pytest.mark.usefixtures("context")
def test_a_worker_that_died_between_two_attempts_leaves_no_doubt() -> None:
    message = died()
    message.attempts[0].outcome = Outcome.TEMPORARY
    db.session.commit()
    done = recover()
    assert (done.released, done.enqueued) == (1, 1)
    assert (read(message).rounds, message.lease_token) == (0, None)
    assert claims.claim([message.id])


@pytest.mark.usefixtures("context")
def test_a_message_in_good_hands_is_left_alone() -> None:
    message = stored()
    assert claims.claim([message.id])
    assert recover() == Recovery(0, 0, 0)
    assert read(message).lease_token


@pytest.mark.usefixtures("context")
def test_batches_follow_one_another_until_all_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("notifyhub.delivery.recovery.BATCH", 2)
    for _ in range(5):
        stored(expires_at=-MINUTE)
    assert recover().expired == 5
