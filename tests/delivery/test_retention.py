"""Retention: what is erased, and when."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select, text

from notifyhub.api.idempotency import IdempotencyKey
from notifyhub.database import purge
from notifyhub.database.base import now
from notifyhub.database.connections import autocommit
from notifyhub.delivery import circuit_breaker, rate_limits, retention
from notifyhub.delivery.models import CircuitBreaker, RateLimit
from notifyhub.extensions import db
from notifyhub.messages.models import Attempt, Channel, Message, MessageAttachment, MessageStatus, Outcome
from notifyhub.settings.models import DeliverySettings
from tests.support.databases import stored_text
from tests.support.factories import EmailNotifierFactory, MessageFactory, SMSNotifierFactory, UserFactory

SECRET = "a-word-that-must-go"


@pytest.fixture
def context(app: Flask) -> Iterator[None]:
    with app.app_context():
        yield
        db.session.rollback()


def old(days: float, **values: Any) -> Message:
    message: Message = MessageFactory(
        notifier=EmailNotifierFactory(),
        channel=Channel.EMAIL,
        **{"status": MessageStatus.SENT, "next_attempt_at": None, **values},
        recipient=f"{SECRET}@example.com",
        subject=SECRET,
        text=SECRET,
        html=SECRET,
        args=[SECRET],
        reply_to=SECRET,
        cc=[SECRET],
        bcc=[SECRET],
        unsubscribe_url=SECRET,
        client_metadata={"a": SECRET},
        otp_client=SECRET,
        error_detail=SECRET,
        reference="kept",
        from_email="shop@example.com",
        pattern_id=7,
        pattern_name="order",
        created_at=now() - timedelta(days=days),
        attachments=[
            MessageAttachment(
                filename=SECRET, content_type="text/plain", content=SECRET.encode(), content_id=SECRET
            )
        ],
        attempts=[
            Attempt(
                round=1,
                notifier_id=1,
                notifier_name="x",
                started_at=now(),
                outcome=Outcome.ACCEPTED,
                error_detail=SECRET,
            )
        ],
    )
    return message


@pytest.mark.usefixtures("context")
def test_contents_are_erased_and_the_rest_stays(app: Flask) -> None:
    message = old(91)
    changed = message.updated_at
    assert retention.erase() == 1
    assert SECRET not in stored_text(app)
    db.session.refresh(message)
    assert (message.status, message.reference, len(message.attempts)) == (MessageStatus.SENT, "kept", 1)
    assert (message.from_email, message.pattern_name) == ("shop@example.com", "order")
    assert message.recipient == ""
    assert message.args is None
    assert message.client_metadata == {}
    assert message.updated_at > changed
    db.session.commit()
    assert retention.erase() == 0


@pytest.mark.usefixtures("context")
@pytest.mark.parametrize("status", [MessageStatus.SCHEDULED, MessageStatus.QUEUED, MessageStatus.SENDING])
def test_what_still_has_to_go_out_is_kept(status: MessageStatus) -> None:
    old(91, status=status)
    assert retention.erase() == 0


@pytest.mark.usefixtures("context")
@pytest.mark.parametrize(("kept_days", "erased"), [(None, 0), (10, 0), (9, 1), (1, 1)])
def test_the_delivery_settings_say_after_how_many_days(kept_days: int | None, erased: int) -> None:
    if kept_days:
        db.session.merge(DeliverySettings(id=1, retention_days=kept_days))
    old(9.5)
    assert retention.erase() == erased


@pytest.mark.usefixtures("context")
def test_batches_follow_one_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(purge, "BATCH", 2)
    for _ in range(5):
        old(91)
    assert retention.erase() == 5


@pytest.mark.usefixtures("context")
def test_what_is_not_yet_erased_is_found_by_its_index() -> None:
    if db.engine.dialect.name != "postgresql":
        pytest.skip("SQLite's planner is not asked")
    db.session.execute(text("SET enable_seqscan = off"))
    plan = db.session.execute(
        text(
            "EXPLAIN SELECT id FROM messages WHERE created_at < now() AND recipient <> '' ORDER BY created_at"
        )
    )
    assert "ix_messages_unerased" in " ".join(row[0] for row in plan)


@pytest.mark.usefixtures("context")
def test_idempotency_keys_are_forgotten_after_their_day() -> None:
    user = UserFactory()
    for number, hours in enumerate([23.9, 24.1, 1000]):
        db.session.add(
            IdempotencyKey(
                user_id=user.id,
                key=str(number),
                digest="x",
                status=201,
                answer="{}",
                created_at=now() - timedelta(hours=hours),
            )
        )
    db.session.commit()
    assert retention.purge_keys() == 2
    assert db.session.scalar(select(func.count(IdempotencyKey.id))) == 1


@pytest.mark.usefixtures("context")
def test_the_health_and_the_pace_of_deleted_notifiers_are_forgotten_and_of_no_others() -> None:
    kept = [(Channel.SMS, SMSNotifierFactory().id), (Channel.EMAIL, EmailNotifierFactory().id)]
    gone = [(Channel.SMS, kept[0][1] + 7), (Channel.EMAIL, kept[1][1] + 7)]
    for channel, notifier_id in [*kept, *gone]:
        circuit_breaker.record_failure(autocommit(), channel, notifier_id)
        rate_limits.slow_down(channel, notifier_id, None, None)
    retention.forget_deleted_notifiers()
    for model in (CircuitBreaker, RateLimit):
        left = autocommit().execute(select(model.channel, model.notifier_id))
        assert {tuple(row) for row in left} == set(kept)
