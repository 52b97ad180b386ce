"""Circuit breakers: a notifier in trouble rests, its backup carries the load, and it returns by itself."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from flask import Flask

from notifyhub.database.connections import autocommit
from notifyhub.delivery import circuit_breaker
from notifyhub.delivery.models import CircuitBreaker
from notifyhub.delivery.rounds import deliver
from notifyhub.extensions import db
from notifyhub.messages.models import Channel, Message, MessageStatus
from notifyhub.notifiers.models import SMSNotifier
from notifyhub.settings.models import DeliverySettings
from tests.support.factories import MessageFactory, SMSNotifierFactory
from tests.support.scripted import NAME, Scripted

START = datetime(2026, 3, 21, 12, tzinfo=UTC)


@pytest.fixture
def pair(app: Flask, scripted: type[Scripted]) -> tuple[SMSNotifier, SMSNotifier]:
    """A notifier and its backup, whose tokens are `a` and `b`."""
    with app.app_context():
        home, backup = (
            SMSNotifierFactory(name=token, backend=NAME, settings={"token": token}) for token in "ab"
        )
        db.session.merge(DeliverySettings(id=1, sms_backup_notifiers=[backup.id]))
        db.session.commit()
        return home, backup


def send(notifier: SMSNotifier, **values: object) -> list[str]:
    """Deliver a message; return who was asked."""
    message: Message = MessageFactory(notifier=notifier, **values)
    deliver(message.id)
    db.session.refresh(message)
    asked = [attempt.notifier_name for attempt in message.attempts]
    db.session.commit()
    return asked


def failures(notifier: SMSNotifier) -> int:
    row = db.session.get(CircuitBreaker, (Channel.SMS, notifier.id), populate_existing=True)
    db.session.commit()
    return row.failures if row else 0


def test_a_provider_that_is_down_rests_while_its_backup_carries_the_load_and_returns_by_itself(
    app: Flask, pair: tuple[SMSNotifier, SMSNotifier]
) -> None:
    home, _ = pair
    Scripted.script("a", ["trouble"] * 6)
    with app.app_context(), time_machine.travel(START, tick=False) as clock:
        assert [send(home) for _ in range(5)] == [["a", "b"]] * 5
        clock.shift(29)
        assert [send(home) for _ in range(3)] == [["b"]] * 3
        clock.shift(2)
        assert send(home) == ["a", "b"]  # the probe fails
        assert send(home) == ["b"]
        clock.shift(31)
        assert send(home) == ["a"]
        assert [send(home) for _ in range(3)] == [["a"]] * 3
        assert failures(home) == 0


@pytest.mark.parametrize("between", ["accepted", "refused", "not_here", "temporary"])
def test_only_failures_in_a_row_count(
    app: Flask, pair: tuple[SMSNotifier, SMSNotifier], between: str
) -> None:
    home, _ = pair
    Scripted.script("a", [*["trouble"] * 4, between, *["trouble"] * 4])
    with app.app_context():
        for _ in range(9):
            assert send(home)[0] == "a"
        assert failures(home) == 4


def test_a_doubtful_outcome_judges_nobody(app: Flask, pair: tuple[SMSNotifier, SMSNotifier]) -> None:
    home, _ = pair
    Scripted.script("a", [*["trouble"] * 4, "uncertain", "trouble"])
    with app.app_context():
        for _ in range(6):
            assert send(home)[0] == "a"
        assert failures(home) == 5
        assert send(home) == ["b"]


def test_a_message_of_a_test_token_neither_heeds_nor_moves_the_breaker(
    app: Flask, pair: tuple[SMSNotifier, SMSNotifier]
) -> None:
    home, _ = pair
    Scripted.script("a", ["trouble"] * 5)
    with app.app_context():
        for _ in range(5):
            send(home)
        assert send(home, is_test=True) == ["a"]
        assert failures(home) == 5


def test_where_all_rest_the_round_does_not_count_and_waits_for_the_first_to_wake(
    app: Flask, pair: tuple[SMSNotifier, SMSNotifier]
) -> None:
    home, backup = pair
    with app.app_context(), time_machine.travel(START, tick=False):
        for notifier, seconds in ((home, 20), (backup, 12)):
            until = START + timedelta(seconds=seconds)
            db.session.add(
                CircuitBreaker(channel=Channel.SMS, notifier_id=notifier.id, failures=5, open_until=until)
            )
        message: Message = MessageFactory(notifier=home)
        deliver(message.id)
        db.session.refresh(message)
        assert (message.status, message.rounds, message.attempts) == (MessageStatus.SENDING, 0, [])
        assert message.next_attempt_at
        assert 12 <= (message.next_attempt_at - START).total_seconds() <= 22
        db.session.commit()


def test_one_caller_probes_and_the_others_wait_for_another_rest(app: Flask) -> None:
    with app.app_context(), time_machine.travel(START, tick=False) as clock:
        connection = autocommit()
        for _ in range(5):
            circuit_breaker.record_failure(connection, Channel.SMS, 1)
        assert circuit_breaker.try_acquire(Channel.SMS, 1).open_until == START + timedelta(seconds=30)
        clock.shift(30)
        assert circuit_breaker.try_acquire(Channel.SMS, 1) == (None, True)
        assert [circuit_breaker.try_acquire(Channel.SMS, 1).open_until for _ in range(3)] == [
            START + timedelta(seconds=60)
        ] * 3
        clock.shift(31)  # the one that probed was never heard of again
        assert circuit_breaker.try_acquire(Channel.SMS, 1).open_until is None


def test_notifiers_of_the_two_channels_are_told_apart(app: Flask) -> None:
    with app.app_context():
        connection = autocommit()
        for _ in range(5):
            circuit_breaker.record_failure(connection, Channel.SMS, 1)
        assert circuit_breaker.try_acquire(Channel.SMS, 1).open_until
        assert circuit_breaker.try_acquire(Channel.EMAIL, 1).open_until is None
        assert circuit_breaker.try_acquire(Channel.SMS, 2).open_until is None


def test_one_failure_may_be_enough(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(app.config, "BREAKER_FAILURES", 1)
    with app.app_context():
        connection = autocommit()
        circuit_breaker.record_failure(connection, Channel.SMS, 1)
        assert circuit_breaker.try_acquire(Channel.SMS, 1).open_until
