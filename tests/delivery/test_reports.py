"""Delivery reports."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from flask import Flask

from notifyhub.delivery import reports
from notifyhub.extensions import db
from notifyhub.messages.models import Message, MessageStatus
from notifyhub.notifiers.models import SMSNotifier
from notifyhub.providers.base import Report
from notifyhub.providers.errors import NotifierTrouble
from notifyhub.providers.sandbox import Sandbox
from tests.support.factories import MessageFactory, SMSNotifierFactory
from tests.support.scripted import NAME, Scripted

START = datetime(2026, 3, 21, 12, tzinfo=UTC)


@pytest.fixture
def clock(app: Flask, scripted: type[Scripted]) -> Iterator[time_machine.Traveller]:
    with app.app_context(), time_machine.travel(START, tick=False) as traveller:
        yield traveller
        db.session.rollback()


@pytest.fixture
def notifier(clock: time_machine.Traveller) -> SMSNotifier:
    return SMSNotifierFactory(backend=NAME, settings={"token": "a"})  # type: ignore[no-any-return]


def sent(notifier: SMSNotifier, number: int = 1, **values: Any) -> Message:
    values = {"provider_message_id": f"a-{number}", "report_due_at": START, "sent_at": START, **values}
    message: Message = MessageFactory(
        notifier=notifier, status=MessageStatus.SENT, next_attempt_at=None, **values
    )
    return message


def read(message: Message) -> Message:
    db.session.refresh(message)
    db.session.commit()
    return message


def ask() -> list[list[int]]:
    lists = reports.claim_due()
    for ids in lists:
        reports.fetch(ids)
    return lists


def test_a_report_makes_a_sent_message_delivered_or_undelivered(notifier: SMSNotifier) -> None:
    first, second, third = (sent(notifier, number) for number in (1, 2, 3))
    Scripted.told["a-1"] = Report("delivered")
    Scripted.told["a-2"] = Report("undelivered", "blacklisted", "Listed.")
    Scripted.told["a-3"] = Report("pending")
    ask()
    assert (read(first).status, first.delivered_at, first.report_due_at) == (
        MessageStatus.DELIVERED,
        START,
        None,
    )
    assert (read(second).status, second.error_code) == (MessageStatus.UNDELIVERED, "blacklisted")
    assert (second.error_detail, second.delivered_at) == ("Listed.", None)
    assert (read(third).status, third.reports_asked) == (MessageStatus.SENT, 1)
    assert third.report_due_at == START + timedelta(seconds=20)


def test_intervals_grow_and_end_after_72_hours(notifier: SMSNotifier, clock: time_machine.Traveller) -> None:
    message = sent(notifier)
    waits = []
    while (due := read(message).report_due_at) is not None:
        clock.move_to(due)
        before = message.report_due_at
        assert ask()
        after = read(message).report_due_at
        if after and before:
            waits.append((after - before).total_seconds())
    assert waits[:5] == [20, 40, 80, 160, 320]
    assert waits[:-1] == sorted(waits[:-1])
    assert max(waits) == 6 * 3600
    assert len(waits) < 30
    assert due is None
    assert datetime.now(UTC) == START + timedelta(hours=72)
    assert message.status == MessageStatus.SENT


def test_a_message_is_asked_for_by_one_of_several(notifier: SMSNotifier) -> None:
    sent(notifier)
    assert len(reports.claim_due()) == 1
    assert reports.claim_due() == []


def test_providers_are_asked_apart_and_in_batches_of_their_size(notifier: SMSNotifier) -> None:
    other = SMSNotifierFactory(backend=NAME, settings={"token": "b"})
    for number in range(5):
        sent(notifier, number)
    sent(other, 9)
    lists = ask()
    assert sorted(map(len, lists)) == [1, 5]
    assert sorted(map(len, Scripted.asked)) == [1, 1, 2, 2]
    assert ["a-9"] in Scripted.asked


def test_one_task_asks_for_no_more_than_a_hundred(
    notifier: SMSNotifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reports, "MESSAGES_PER_TASK", 2)
    for number in range(5):
        sent(notifier, number)
    assert sorted(map(len, reports.claim_due())) == [1, 2, 2]


@pytest.mark.parametrize(
    "status",
    [MessageStatus.UNDELIVERED, MessageStatus.DELIVERED, MessageStatus.SENDING, MessageStatus.QUEUED],
)
def test_a_status_that_moved_on_meanwhile_stays(notifier: SMSNotifier, status: MessageStatus) -> None:
    message = sent(notifier)
    Scripted.told["a-1"] = Report("delivered" if status == MessageStatus.UNDELIVERED else "undelivered", "x")
    [ids] = reports.claim_due()

    def move_on(*_: object) -> dict[str, Report]:
        with db.engine.begin() as connection:
            connection.execute(Message.__table__.update().values(status=status))  # type: ignore[attr-defined]
        return {"a-1": Scripted.told["a-1"]}  # type: ignore[dict-item]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Scripted, "reports", move_on)
        reports.fetch(ids)
    assert read(message).status == status


def test_a_report_about_an_earlier_sending_is_not_taken_for_one_of_a_later(notifier: SMSNotifier) -> None:
    message = sent(notifier)
    [ids] = reports.claim_due()

    def send_again(*_: object) -> dict[str, Report]:
        with db.engine.begin() as connection:
            connection.execute(Message.__table__.update().values(provider_message_id="a-2"))  # type: ignore[attr-defined]
        return {"a-1": Report("undelivered", "x")}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Scripted, "reports", send_again)
        reports.fetch(ids)
    assert read(message).status == MessageStatus.SENT


def test_a_provider_in_trouble_is_asked_again_at_the_next_time(
    notifier: SMSNotifier, clock: time_machine.Traveller
) -> None:
    message = sent(notifier)
    Scripted.told["a-1"] = NotifierTrouble("unavailable", "Out of order.")
    ask()
    assert read(message).status == MessageStatus.SENT
    Scripted.told["a-1"] = Report("delivered")
    clock.shift(21)
    ask()
    assert read(message).status == MessageStatus.DELIVERED


def test_nobody_is_asked_about_a_deleted_notifiers_message(notifier: SMSNotifier) -> None:
    message = sent(notifier)
    db.session.delete(notifier)
    db.session.commit()
    assert ask() == [[message.id]]
    assert Scripted.asked == []


def test_a_test_message_is_delivered_by_itself(notifier: SMSNotifier) -> None:
    delivered = sent(notifier, is_test=True, provider_message_id="test-delivered-1")
    unreported = sent(notifier, is_test=True, provider_message_id="test-sent-1")
    ask()
    assert (read(delivered).status, read(unreported).status) == (MessageStatus.DELIVERED, MessageStatus.SENT)
    assert Scripted.asked == []
    assert Sandbox.report_batch
