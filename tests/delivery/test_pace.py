"""Notifiers that may be called only so often: their messages wait, without an attempt, and all go out."""

import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select, update

from notifyhub.database.base import now, table_of
from notifyhub.database.connections import autocommit
from notifyhub.delivery import rounds
from notifyhub.delivery.models import CircuitBreaker, RateLimit
from notifyhub.extensions import db
from notifyhub.messages.models import Message, MessageStatus
from notifyhub.notifiers.models import SMSNotifier
from tests.simulators import MeliPayamakSimulator, melipayamak
from tests.support.factories import MessageFactory, SMSNotifierFactory
from tests.support.queries import Queries
from tests.support.rows import attempts, change_settings, context, message, scripted_notifier
from tests.support.scripted import NAME, Scripted
from tests.support.threads import in_threads

messages, limits = table_of(Message), table_of(RateLimit)


@pytest.fixture
def paced(app: Flask, scripted: type[Scripted]) -> Iterator[type[Scripted]]:
    with context(app):
        yield scripted


def notifier(token: str, **settings: Any) -> SMSNotifier:
    made: SMSNotifier = SMSNotifierFactory(name=token, backend=NAME, settings={"token": token, **settings})
    return made


def stored(notifier: SMSNotifier, count: int = 1, **values: Any) -> list[int]:
    return [MessageFactory(notifier=notifier, **values).id for _ in range(count)]


def test_a_message_for_whose_call_there_is_no_place_waits_and_no_attempt_is_left(paced: Any) -> None:
    first, second = stored(notifier("a", max_per_second=0.5), 2)
    began = now()
    for id_ in (first, second):
        rounds.deliver(id_)
    assert message(first).status == MessageStatus.SENT
    waiting = message(second)
    assert (waiting.status, waiting.error_code, waiting.rounds) == (MessageStatus.SENDING, "rate_limited", 0)
    assert waiting.lease_token is None
    assert waiting.next_attempt_at
    assert began + timedelta(seconds=2) <= waiting.next_attempt_at <= now() + timedelta(seconds=2.3)
    assert attempts(second) == []
    assert len(Scripted.sent["a"]) == 1


def test_who_has_waited_is_sent_and_does_not_go_by_a_backup_meanwhile(paced: Any) -> None:
    home, backup = notifier("a", max_per_second=5), notifier("b")
    change_settings(sms_backup_notifiers=[backup.id])
    ids = stored(home, 3)
    for id_ in ids:
        rounds.deliver(id_)
    began = time.monotonic()
    while len(Scripted.sent["a"]) < 3:
        assert time.monotonic() < began + 30
        for id_ in ids:
            rounds.deliver(id_)
    assert [attempts(id_) for id_ in ids] == [[(1, "a", "accepted")]] * 3
    assert Scripted.sent["b"] == []


def test_a_one_time_password_goes_by_a_backup_when_it_would_have_to_wait(
    paced: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, backup = notifier("a", max_per_second=0.01), notifier("b", max_per_second=0.01)
    change_settings(sms_backup_notifiers=[backup.id])
    (first,) = stored(home)
    rounds.deliver(first)
    (code,) = stored(home, otp_id=77)
    rounds.deliver(code)
    ((_, by, _),) = attempts(code)
    assert by == "b"


def test_who_waits_for_long_looks_again_after_a_minute(paced: Any) -> None:
    home = notifier("a", max_per_second=0.001)
    first, second = stored(home, 2)
    rounds.deliver(first)
    rounds.deliver(second)
    due = message(second).next_attempt_at
    assert due
    assert due <= now() + timedelta(seconds=60)


def test_messages_that_share_a_call_take_one_place(paced: Any) -> None:
    paced.batch_size = 10
    home = notifier("a", max_per_second=0.1)
    rounds.give_rounds(rounds.claim(stored(home, 4, text="Hello")))
    assert len(Scripted.sent["a"]) == 4
    waiting = stored(home, 3, text="Hello")
    rounds.give_rounds(rounds.claim(waiting))
    assert {(each.status, each.error_code) for each in map(message, waiting)} == {
        (MessageStatus.SENDING, "rate_limited")
    }
    assert len({message(id_).next_attempt_at for id_ in waiting}) == 1


def test_a_429_pauses_the_notifier_and_is_no_failure_of_it_at_first(paced: Any) -> None:
    home = scripted_notifier("a", "too_fast")
    first, second = stored(home, 2)
    rounds.deliver(first)
    assert attempts(first) == [(1, "a", "temporary")]
    assert autocommit().scalar(select(func.count()).select_from(CircuitBreaker)) == 0
    rounds.deliver(second)
    waiting = message(second)
    assert (waiting.error_code, attempts(second)) == ("rate_limited", [])
    assert waiting.next_attempt_at
    assert waiting.next_attempt_at > now() + timedelta(seconds=1)  # the scripted provider asks for two
    assert len(Scripted.sent["a"]) == 1


def test_many_429s_in_a_row_are_a_failure(paced: Any) -> None:
    home = scripted_notifier("a", *["too_fast"] * 6)
    for id_ in stored(home, 6):
        rounds.deliver(id_)
        autocommit().execute(update(limits).values(paused_until=limits.c.paused_until - 10_000_000))
        autocommit().execute(update(limits).values(last_place=0))
    assert len(Scripted.sent["a"]) == 6
    assert autocommit().scalar(select(CircuitBreaker.failures)) == 1


def test_a_notifier_that_has_recovered_from_429s_costs_nothing_more(app: Flask, paced: Any) -> None:
    home = scripted_notifier("a", "accepted", "too_fast")
    first, second, third, fourth = stored(home, 4)
    with Queries(app) as before:
        rounds.deliver(first)
    rounds.deliver(second)
    long_ago = limits.c.paused_until - 100_000_000
    autocommit().execute(update(limits).values(paused_until=long_ago, last_place=0))
    rounds.deliver(third)
    assert autocommit().scalar(select(func.count()).select_from(RateLimit)) == 0
    with Queries(app) as after:
        rounds.deliver(fourth)
    assert len(after) <= len(before)


@pytest.mark.slow
@pytest.mark.usefixtures("_simulated")
def test_no_more_calls_than_the_account_allows_reach_a_provider(
    console: MeliPayamakSimulator, app: Flask
) -> None:
    console.most_per_second = 15  # threads may be late by some tenths of a second
    settings = {"token": melipayamak.TOKEN, "number": melipayamak.NUMBER, "max_per_second": 10}
    with context(app):
        ids = stored(SMSNotifierFactory(settings=settings), 25)
        deadline = time.monotonic() + 60
        while left := unsent(ids):
            assert time.monotonic() < deadline
            due_now(app, left)
        assert console.too_fast == 0
        assert {len(attempts(id_)) for id_ in ids} == {1}


def unsent(ids: list[int]) -> list[int]:
    rows = autocommit().scalars(
        select(messages.c.id).where(messages.c.id.in_(ids), messages.c.status != MessageStatus.SENT)
    )
    return list(rows)


def due_now(app: Flask, ids: list[int]) -> None:
    """Give the messages that are due their rounds, many at a time."""

    def deliver(id_: int) -> None:
        with app.app_context():
            rounds.deliver(id_)

    db.session.rollback()
    assert in_threads(deliver, ids) == [None] * len(ids)
