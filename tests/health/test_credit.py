"""Credits: asked for in time, one after another, told of once when they fall too low."""

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from flask import Flask
from sqlalchemy import Connection, select

from notifyhub.database.base import table_of
from notifyhub.database.connections import autocommit
from notifyhub.delivery.models import RateLimit
from notifyhub.extensions import db
from notifyhub.health import alarms, credit
from notifyhub.health.events import NotifierCreditLow
from notifyhub.health.models import NotifierCredit
from notifyhub.health.tasks import forget_workers
from notifyhub.notifiers.models import SMSNotifier
from notifyhub.providers.base import Credit
from notifyhub.providers.errors import NotifierTrouble, RateLimited
from tests.simulators import MeliPayamakSimulator, melipayamak
from tests.support.events import subscribed
from tests.support.factories import SMSNotifierFactory
from tests.support.rows import change_settings, context, scripted_notifier
from tests.support.scripted import Scripted

START = datetime(2026, 3, 21, 12, tzinfo=UTC)


@pytest.fixture
def clock(app: Flask, scripted: type[Scripted]) -> Iterator[time_machine.Traveller]:
    with context(app), time_machine.travel(START, tick=False) as traveller:
        yield traveller


@pytest.fixture
def amounts(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """What the scripted providers tell, by their tokens; `asked` notes those that were asked."""
    told: dict[str, object] = {"asked": []}

    def check(self: Scripted) -> Credit | None:
        told["asked"].append(self.token)  # type: ignore[attr-defined]
        answer = told.get(self.token)
        if isinstance(answer, Exception):
            raise answer
        return None if answer is None else Credit(Decimal(str(answer)), "sms")

    monkeypatch.setattr(Scripted, "check", check)
    return told


def stored(notifier: SMSNotifier) -> Any:
    query = select(table_of(NotifierCredit)).where(NotifierCredit.notifier_id == notifier.id)
    return autocommit().execute(query).first()


def test_each_notifier_is_asked_once_in_the_interval(
    clock: time_machine.Traveller, amounts: dict[str, object]
) -> None:
    first, second = scripted_notifier("a"), scripted_notifier("b")
    amounts["a"] = 37414
    for _ in range(3):
        credit.read_due()
    assert amounts["asked"] == ["a", "b"]
    found, none = stored(first), stored(second)
    assert found
    assert (found.amount, found.read_at, found.is_low) == (37414, START, False)
    assert none
    assert (none.amount, none.read_at, none.asked_at) == (None, None, START)
    clock.shift(599)
    credit.read_due()
    assert amounts["asked"] == ["a", "b"]
    clock.shift(1)
    credit.read_due()
    assert amounts["asked"] == ["a", "b", "a", "b"]


def test_a_notifier_that_was_changed_is_asked_at_once(
    clock: time_machine.Traveller, amounts: dict[str, object]
) -> None:
    notifier = scripted_notifier("a")
    credit.read_due()
    clock.shift(2)
    db.session.get_one(SMSNotifier, notifier.id).settings = {"token": "b"}
    db.session.commit()
    credit.read_due()
    credit.read_due()
    assert amounts["asked"] == ["a", "b"]


def test_a_provider_that_fails_leaves_what_is_known_and_keeps_no_other_waiting(
    clock: time_machine.Traveller, amounts: dict[str, object], caplog: pytest.LogCaptureFixture
) -> None:
    first, second = scripted_notifier("a"), scripted_notifier("b")
    amounts.update(a=5, b=6)
    credit.read_due()
    clock.shift(600)
    amounts.update(a=NotifierTrouble("bad_credentials", "hunter2"), b=7)
    credit.read_due()
    known, other = stored(first), stored(second)
    assert known
    assert (known.amount, known.read_at) == (5, START)
    assert other
    assert other.amount == 7
    assert "The credit of SMS notifier" in caplog.text
    assert "hunter2" not in caplog.text


def test_a_notifier_without_settings_has_no_account_to_ask(
    clock: time_machine.Traveller, amounts: dict[str, object], caplog: pytest.LogCaptureFixture
) -> None:
    SMSNotifierFactory(settings={})
    credit.read_due()
    assert caplog.text == ""


def test_a_429_slows_the_notifier_down(clock: time_machine.Traveller, amounts: dict[str, object]) -> None:
    notifier = scripted_notifier("a")
    amounts["a"] = RateLimited("rate_limited", "Later.", 7)
    credit.read_due()
    db.session.rollback()
    assert db.session.get_one(RateLimit, ("sms", notifier.id)).refusals == 1
    db.session.rollback()
    clock.shift(600)
    amounts["a"] = 9
    credit.read_due()
    found = stored(notifier)
    assert found
    assert found.amount == 9


def test_a_fall_below_what_the_settings_say_is_told_once(
    clock: time_machine.Traveller, amounts: dict[str, object]
) -> None:
    notifier = scripted_notifier("a")
    told: list[NotifierCreditLow] = []

    def hear(_connection: Connection, event: NotifierCreditLow) -> None:
        told.append(event)

    def read(amount: object) -> int:
        amounts["a"] = amount
        clock.shift(600)
        credit.read_due()
        return len(told)

    with subscribed(NotifierCreditLow, hear):
        assert read(10) == 0  # nothing is too low without the setting
        change_settings(credit_low=100.5)
        assert read(10) == 1
        assert read(9) == 1
        assert read(NotifierTrouble("unreachable", "")) == 1
        assert read(9) == 1
        assert read(None) == 1  # the provider tells none this time
        assert read(9) == 1
        assert read(100.5) == 1
        assert read(100.4) == 2
        change_settings(credit_low=None)
        assert read(1) == 2
        change_settings(credit_low=0)
        assert read(0) == 2
        assert read(-1) == 3
    first = told[0]
    assert (first.line["channel"], first.line["id"], first.line["credit"]) == ("sms", notifier.id, 10)
    assert first.credit_low == 100.5


def test_several_processes_that_read_a_low_credit_at_once_tell_once(
    app: Flask, clock: time_machine.Traveller, amounts: dict[str, object]
) -> None:
    notifier_id = scripted_notifier("a").id
    change_settings(credit_low=100)
    credit.read_due()
    told: list[NotifierCreditLow] = []
    start = threading.Barrier(4)

    def store() -> None:
        with app.app_context():
            start.wait(10)
            credit.store(notifier_id, 5)

    with subscribed(NotifierCreditLow, lambda _connection, event: told.append(event)):
        threads = [threading.Thread(target=store) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
    assert len(told) == 1


def test_a_credit_that_can_t_be_read_is_one_line_until_it_can(
    clock: time_machine.Traveller, amounts: dict[str, object], caplog: pytest.LogCaptureFixture
) -> None:
    notifier, other = scripted_notifier("a"), scripted_notifier("b")
    amounts.update(a=NotifierTrouble("bad_credentials", ""), b=7)

    def read() -> list[str]:
        caplog.clear()
        credit.read_due()
        clock.shift(600)
        return [record.getMessage() for record in caplog.records if "credit" in record.name]

    named = f"The credit of SMS notifier {notifier.id} (a)"
    assert read() == [f"{named} is not known: bad_credentials"]
    assert read() == read() == []
    amounts["b"] = NotifierTrouble("unreachable", "")
    assert read() == [f"The credit of SMS notifier {other.id} (b) is not known: unreachable"]
    amounts["a"] = 5
    assert read() == [f"{named} can be read again: it was not known since 2026-03-21 12:00:00 UTC"]
    amounts["a"] = NotifierTrouble("unreachable", "")
    assert read() == [f"{named} is not known: unreachable"]


def test_while_it_asks_it_does_not_ask_a_second_time(
    app: Flask, clock: time_machine.Traveller, amounts: dict[str, object]
) -> None:
    scripted_notifier("a")
    inside, go_on = threading.Event(), threading.Event()

    def wait(_: NotifierTrouble) -> None:
        inside.set()
        assert go_on.wait(10)

    def read() -> None:
        with app.app_context():
            credit.read_due()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(credit, "_read", wait)
        thread = threading.Thread(target=read)
        thread.start()
        assert inside.wait(10)
        scripted_notifier("b")
        credit.read_due()
        go_on.set()
        thread.join()
    assert amounts["asked"] == []


def test_an_account_at_a_provider_is_asked_over_http(
    other_app: Callable[..., Flask], console: MeliPayamakSimulator
) -> None:
    app = other_app(NOTIFYHUB_MELIPAYAMAK_URL=console.url)
    with context(app):
        notifier = SMSNotifierFactory(settings={"token": melipayamak.TOKEN})
        db.session.rollback()
        credit.read_due()
        found = stored(notifier)
    assert found
    assert found.amount == console.credit


def test_what_belongs_to_no_notifier_is_forgotten(
    clock: time_machine.Traveller, amounts: dict[str, object]
) -> None:
    kept, gone = scripted_notifier("a"), scripted_notifier("b")
    amounts.update(a=NotifierTrouble("unreachable", ""), b=NotifierTrouble("unreachable", ""))
    credit.read_due()
    db.session.delete(db.session.get_one(SMSNotifier, gone.id))
    db.session.commit()
    forget_workers()
    assert stored(kept)
    assert stored(gone) is None
    assert alarms.names(autocommit(), credit.UNREAD) == {f"{credit.UNREAD}{kept.id}"}
