"""The sweep and the retention: what nobody else looks after."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from flask import Flask

from notifyhub.auth.models import Role
from notifyhub.delivery import claims, queue, retention, sweep
from notifyhub.delivery.delivering import deliver
from notifyhub.delivery.sweep import FRESH, PATIENCE
from notifyhub.extensions import db
from notifyhub.messages.models import (
    Attempt,
    Batch,
    Channel,
    IdempotencyKey,
    Message,
    MessageAttachment,
    Status,
)
from tests.conftest import Api
from tests.delivery.rows import attempts, change_settings, message, scripted_notifier
from tests.delivery.scripted import Scripted
from tests.factories import MessageFactory, UserFactory

START = datetime(2026, 3, 21, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)

pytestmark = pytest.mark.usefixtures("_context")


@pytest.fixture
def woken(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The messages that workers are woken for; the broker is there and its queue empty."""
    ids: list[int] = []

    def enqueue(some: list[int], *_: Any) -> bool:
        ids.extend(some)
        return True

    monkeypatch.setattr(queue, "enqueue", enqueue)
    return ids


def test_an_expired_message_is_never_sent(scripted: type[Scripted], woken: list[int]) -> None:
    with time_machine.travel(START, tick=False) as clock:
        message_id = MessageFactory(notifier=scripted_notifier("n"), expires_at=START + 20 * SECOND).id
        clock.shift(20 * SECOND)
        deliver(message_id)
        assert sweep.sweep().expired == 1
        deliver(message_id)
        row = message(message_id)
        assert (row.status, row.next_attempt_at, row.attempts) == (Status.EXPIRED, None, [])
        assert (scripted.sent["n"], woken) == ([], [])


def test_a_message_that_waits_for_its_next_round_expires_in_time(
    scripted: type[Scripted], woken: list[int]
) -> None:
    with time_machine.travel(START, tick=False) as clock:
        change_settings(retry_delays=[600])
        notifier = scripted_notifier("n", "temporary")
        message_id = MessageFactory(
            notifier=notifier, next_attempt_at=START, expires_at=START + 60 * SECOND
        ).id
        deliver(message_id)
        assert sweep.sweep().expired == 0
        clock.shift(60 * SECOND)
        assert sweep.sweep().expired == 1
        assert (message(message_id).status, message(message_id).error_code) == (Status.EXPIRED, "deferred")


def test_a_backup_is_not_tried_after_the_expiry(
    scripted: type[Scripted], monkeypatch: pytest.MonkeyPatch
) -> None:
    with time_machine.travel(START, tick=False) as clock:
        first, backup = scripted_notifier("first", "temporary"), scripted_notifier("backup")
        change_settings(sms_backup_notifiers=[backup.id])
        message_id = MessageFactory(notifier=first, next_attempt_at=START, expires_at=START + 10 * SECOND).id
        monkeypatch.setattr(scripted, "during", staticmethod(lambda: clock.shift(10 * SECOND)))
        deliver(message_id)
        assert attempts(message_id) == [(1, "first", "temporary")]
        assert message(message_id).status == Status.EXPIRED


def test_a_lost_call_is_made_good_once_it_is_overdue(scripted: type[Scripted], woken: list[int]) -> None:
    with time_machine.travel(START, tick=False) as clock:
        message_id = MessageFactory(notifier=scripted_notifier("n"), next_attempt_at=START).id
        clock.shift(FRESH - SECOND)
        assert sweep.sweep().enqueued == 0
        clock.shift(SECOND)
        assert sweep.sweep().enqueued == 1
        clock.shift(PATIENCE - SECOND)
        assert sweep.sweep().enqueued == 0
        clock.shift(SECOND)
        assert sweep.sweep().enqueued == 1
        assert woken == [message_id, message_id]


def test_a_scheduled_message_goes_out_at_its_time(scripted: type[Scripted], woken: list[int]) -> None:
    with time_machine.travel(START, tick=False) as clock:
        at = START + timedelta(hours=1)
        message_id = MessageFactory(
            notifier=scripted_notifier("n"), status=Status.SCHEDULED, send_at=at, next_attempt_at=at
        ).id
        clock.move_to(at - SECOND)
        assert sweep.sweep().enqueued == 0
        deliver(message_id)
        assert message(message_id).status == Status.SCHEDULED
        clock.move_to(at)
        assert (sweep.sweep().enqueued, woken) == (1, [message_id])
        deliver(message_id)
        assert message(message_id).status == Status.SENT


def test_a_retry_is_woken_at_its_time(scripted: type[Scripted], woken: list[int]) -> None:
    with time_machine.travel(START, tick=False) as clock:
        message_id = MessageFactory(notifier=scripted_notifier("n", "temporary"), next_attempt_at=START).id
        deliver(message_id)
        assert sweep.sweep().enqueued == 0
        clock.shift(6 * SECOND)
        sweep.sweep()
        assert woken == [message_id]


def test_without_a_broker_nothing_is_marked_as_woken(
    scripted: type[Scripted], monkeypatch: pytest.MonkeyPatch
) -> None:
    due = START - timedelta(hours=1)
    with time_machine.travel(START, tick=False):
        message_id = MessageFactory(notifier=scripted_notifier("n"), next_attempt_at=due).id
        monkeypatch.setattr(queue, "enqueue", lambda *_: False)
        assert sweep.sweep().enqueued == 0
        assert message(message_id).enqueued_at is None


@pytest.mark.parametrize("resend", [True, False])
def test_the_attempt_of_a_worker_that_died_is_uncertain(
    scripted: type[Scripted], woken: list[int], resend: bool
) -> None:
    with time_machine.travel(START, tick=False) as clock:
        change_settings(resend_uncertain=resend)
        message_id = MessageFactory(notifier=scripted_notifier("n"), next_attempt_at=START).id
        assert claims.claim(message_id)
        clock.shift(59 * SECOND)
        assert sweep.sweep().recovered == 0
        clock.shift(SECOND)
        assert sweep.sweep().recovered == 1
        row = message(message_id)
        assert attempts(message_id) == [(1, "n", "uncertain")]
        if resend:
            assert (row.status, row.error_code, row.rounds) == (Status.SENDING, "worker_lost", 1)
        else:
            assert (row.status, row.error_code, row.next_attempt_at) == (Status.FAILED, "uncertain", None)


def erasable(**values: Any) -> int:
    message_id: int = MessageFactory(
        **{
            "notifier": scripted_notifier("n"),
            "status": Status.DELIVERED,
            "next_attempt_at": None,
            "args": ["98765"],
            "text": "Secret 98765",
            "subject": "Secret",
            "html": "<p>Secret</p>",
            "reply_to": "secret@example.com",
            "client_metadata": {"who": "Secret"},
            "error_code": "code",
            "error_detail": "+989121234567 is secret",
            "segments": 3,
            "created_at": START - 91 * DAY,
            **values,
        }
    ).id
    return message_id


def test_what_is_older_than_the_retention_is_erased_and_counts_stay(app: Flask, api: Api) -> None:
    with time_machine.travel(START, tick=False):
        batch = Batch(count=1)
        db.session.add(batch)
        db.session.commit()
        message_id = erasable(batch_id=batch.id, channel=Channel.EMAIL)
        db.session.add(
            MessageAttachment(
                message_id=message_id, filename="secret", content_type="text/plain", content=b"Secret"
            )
        )
        started = {"started_at": START - 91 * DAY, "notifier_id": 1, "notifier_name": "n", "round": 1}
        db.session.add(Attempt(message_id=message_id, outcome="temporary", error_detail="Secret", **started))
        db.session.commit()
        assert (retention.erase(), retention.erase()) == (1, 0)
        row = message(message_id)
        assert (row.recipient, row.args, row.text, row.subject, row.html, row.reply_to) == ("", *[None] * 5)
        assert (row.client_metadata, row.error_detail) == ({}, None)
        assert (row.status, row.segments, row.error_code) == (Status.DELIVERED, 3, "code")
        assert [(each.outcome, each.error_detail) for each in row.attempts] == [("temporary", None)]
        assert db.session.query(MessageAttachment).count() == 0
        db.session.rollback()
        counted = api.get(f"/api/notifications/batches/{batch.id}").json
        assert (counted["count"], counted["statuses"]) == (1, {"delivered": 1})
        assert api.get(f"/api/notifications/messages/{message_id}").json["text"] is None


@pytest.mark.parametrize(
    ("values", "erased"),
    [
        ({"created_at": START - 90 * DAY - SECOND}, 1),
        ({"created_at": START - 90 * DAY + SECOND}, 0),
        ({"status": Status.SCHEDULED, "next_attempt_at": START + DAY}, 0),
        ({"status": Status.SENDING, "next_attempt_at": START + DAY}, 0),
        ({"status": Status.SENT}, 1),
        ({"status": Status.FAILED}, 1),
        ({"status": Status.EXPIRED}, 1),
        ({"status": Status.CANCELLED}, 1),
    ],
    ids=str,
)
def test_only_what_is_done_and_old_enough_is_erased(values: dict[str, Any], erased: int) -> None:
    with time_machine.travel(START, tick=False):
        message_id = erasable(**values)
        assert retention.erase() == erased
        assert bool(message(message_id).text) == (not erased)


def test_many_are_erased_by_the_days_of_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH", 2)
    with time_machine.travel(START, tick=False):
        change_settings(retention_days=1)
        for age in (0, 2, 2, 2, 2, 2):
            erasable(created_at=START - age * DAY)
        assert retention.erase() == 5
        assert db.session.query(Message).filter(Message.recipient == "").count() == 5
        db.session.rollback()


def test_idempotency_keys_are_forgotten_after_a_day(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH", 2)
    with time_machine.travel(START, tick=False):
        user = UserFactory(role=Role.ADMIN)
        for number, age in enumerate((23, 25, 25, 25, 25)):
            made = START - timedelta(hours=age)
            key = {"user_id": user.id, "key": str(number), "digest": "", "status": 201, "answer": "{}"}
            db.session.add(IdempotencyKey(created_at=made, **key))
        db.session.commit()
        assert (retention.purge_keys(), retention.purge_keys()) == (4, 0)
        assert [key.key for key in db.session.query(IdempotencyKey)] == ["0"]
        db.session.rollback()
