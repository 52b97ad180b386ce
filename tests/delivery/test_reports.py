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
from notifyhub.providers.base import SMS, Accepted, Report
from notifyhub.providers.errors import NotifierTrouble
from notifyhub.providers.ippanel import IPPanel
from notifyhub.providers.sandbox import Sandbox
from tests.simulators import IPPanelSimulator, ippanel
from tests.support.factories import MessageFactory, SMSNotifierFactory
from tests.support.scripted import NAME, Scripted

RECIPIENT = "+989121234567"
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


def test_messages_with_one_id_are_asked_for_together_however_many_they_are(
    notifier: SMSNotifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reports, "MESSAGES_PER_TASK", 2)
    monkeypatch.setattr(reports, "ROWS_PER_TRANSACTION", 2)
    together = [sent(notifier, 1, recipient=f"+98912000000{index}") for index in range(5)]
    others = [sent(notifier, number) for number in (2, 3, 4)]
    Scripted.told |= dict.fromkeys(("a-1", "a-3"), Report("delivered"))
    lists = reports.claim_due()
    assert sorted(map(len, lists)) == [1, 2, 5]
    assert sorted(map(sorted, lists))[0] == [message.id for message in together]
    for ids in lists:
        reports.fetch(ids)
    assert sorted(Scripted.asked) == [["a-1"], ["a-2", "a-3"], ["a-4"]]
    delivered = [read(message).status == MessageStatus.DELIVERED for message in (*together, *others)]
    assert delivered == [True] * 5 + [False, True, False]


@pytest.fixture
def edge_notifier(clock: time_machine.Traveller, _simulated: None) -> SMSNotifier:
    settings = {"token": ippanel.TOKEN, "from_number": ippanel.LINE}
    return SMSNotifierFactory(backend="ippanel", settings=settings)  # type: ignore[no-any-return]


def send_together(edge: IPPanelSimulator, recipients: list[str]) -> str:
    """Have the provider send a text to some recipients; return the id that they share."""
    backend = IPPanel({"token": ippanel.TOKEN, "from_number": ippanel.LINE}, edge.url)
    (accepted,) = set(backend.send_batch([SMS(recipient, "The text") for recipient in recipients]))
    assert isinstance(accepted, Accepted)
    return accepted.provider_message_id


def test_each_message_of_a_send_to_many_has_its_recipients_report(
    edge: IPPanelSimulator, edge_notifier: SMSNotifier
) -> None:
    edge.reports = "on_demand"
    recipients = [f"+98912{index:07}" for index in range(150)]
    id_ = send_together(edge, recipients)
    together = [sent(edge_notifier, provider_message_id=id_, recipient=to) for to in recipients]
    for recipient in recipients[:-1]:
        edge.advance("delivered", id_, recipient)
    edge.advance("blacklisted", id_, recipients[120])
    before = edge.requests
    assert list(map(len, ask())) == [150]
    assert edge.requests == before + 3, "two pages of recipients, and the state of the whole send"
    statuses = [read(message).status for message in together]
    assert statuses.pop() == MessageStatus.SENT
    assert statuses.pop(120) == MessageStatus.UNDELIVERED
    assert together[120].error_code == "blacklisted"
    assert set(statuses) == {MessageStatus.DELIVERED}


def test_both_messages_to_a_number_that_stands_in_a_send_twice_have_its_report(
    edge: IPPanelSimulator, edge_notifier: SMSNotifier
) -> None:
    id_ = send_together(edge, [RECIPIENT, RECIPIENT])
    both = [sent(edge_notifier, provider_message_id=id_, recipient=RECIPIENT) for _ in range(2)]
    ask()
    assert [read(message).status for message in both] == [MessageStatus.DELIVERED] * 2


def test_a_send_that_failed_as_a_whole_fails_all_of_its_messages(
    edge: IPPanelSimulator, edge_notifier: SMSNotifier
) -> None:
    edge.troubles.add("no_credit_later")
    recipients = [RECIPIENT, "+989121234568"]
    id_ = send_together(edge, recipients)
    both = [sent(edge_notifier, provider_message_id=id_, recipient=to) for to in recipients]
    ask()
    assert [(read(one).status, one.error_code) for one in both] == [
        (MessageStatus.UNDELIVERED, "no_credit")
    ] * 2


def test_questions_count_among_the_calls_that_an_account_allows(clock: time_machine.Traveller) -> None:
    limited = SMSNotifierFactory(backend=NAME, settings={"token": "a", "max_per_second": 0.5})
    asked_for = [sent(limited, number) for number in range(1, 6)]
    Scripted.told |= {f"a-{number}": Report("delivered") for number in range(1, 6)}
    ask()
    assert Scripted.asked == [["a-1", "a-2"]]
    statuses = [read(message).status for message in asked_for]
    assert statuses == [*[MessageStatus.DELIVERED] * 2, *[MessageStatus.SENT] * 3]
    clock.shift(60)
    ask()
    clock.shift(60)
    ask()
    assert {read(message).status for message in asked_for} == {MessageStatus.DELIVERED}
