"""Delivery reports: asked for in batches, at growing intervals, for 72 hours."""

import itertools
import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine

from notifyhub.delivery.backends.failures import NotifierTrouble
from notifyhub.delivery.backends.interface import Report
from notifyhub.delivery.delivering import deliver
from notifyhub.delivery.reports import claim_due, fetch
from notifyhub.extensions import db
from notifyhub.messages.models import Message, Status
from tests.delivery.rows import message, scripted_notifier
from tests.delivery.scripted import Scripted
from tests.factories import MessageFactory, SMSNotifierFactory
from tests.simulators import IPPanelSimulator, MeliPayamakSimulator, ippanel, melipayamak

START = datetime(2026, 3, 21, 12, tzinfo=UTC)
DELAY = timedelta(seconds=10)  # NOTIFYHUB_REPORT_DELAY

pytestmark = pytest.mark.usefixtures("_context")


def ask() -> int:
    """Ask for all reports that are due; return for how many messages."""
    lists = claim_due()
    for ids in lists:
        fetch(ids)
    return sum(map(len, lists))


def send(notifier: Any, count: int = 1) -> list[int]:
    ids = [MessageFactory(notifier=notifier).id for _ in range(count)]
    for message_id in ids:
        deliver(message_id)
    return ids


@pytest.mark.usefixtures("_simulated")
def test_a_hundred_are_asked_for_at_once(console: MeliPayamakSimulator) -> None:
    settings = {"token": melipayamak.TOKEN, "number": melipayamak.NUMBER}
    notifier = SMSNotifierFactory(settings=settings)
    with time_machine.travel(START, tick=False) as clock:
        sent = {"status": Status.SENT, "sent_at": START, "report_due_at": START + DELAY}
        rows = [
            MessageFactory.build(notifier=notifier, provider_message_id=str(10**17 + n), **sent)
            for n in range(230)
        ]
        db.session.add_all(rows)
        db.session.commit()
        console.states |= {str(10**17 + n): "delivered" if n % 2 else "blacklisted" for n in range(230)}
        clock.shift(DELAY)
        assert ask() == 230
        assert console.requests == 3
        for number in (0, 1, 228, 229):
            row = message(rows[number].id)
            if number % 2:
                assert (row.status, row.delivered_at, row.error_code) == (
                    Status.DELIVERED,
                    START + DELAY,
                    None,
                )
            else:
                assert (row.status, row.delivered_at, row.error_code) == (
                    Status.UNDELIVERED,
                    None,
                    "blacklisted",
                )
        assert ask() == 0


@pytest.mark.usefixtures("_simulated")
def test_what_is_on_its_way_is_asked_for_again(edge: IPPanelSimulator) -> None:
    edge.reports = "on_demand"
    settings = {"token": ippanel.TOKEN, "from_number": ippanel.LINE}
    with time_machine.travel(START, tick=False) as clock:
        (message_id,) = send(SMSNotifierFactory(backend="ippanel", settings=settings))
        clock.shift(DELAY)
        assert ask() == 1
        assert message(message_id).status == Status.SENT
        assert ask() == 0
        edge.advance("delivered")
        clock.shift(2 * DELAY)
        assert ask() == 1
        assert message(message_id).status == Status.DELIVERED


def test_intervals_double_up_to_six_hours_and_end_after_72(scripted: type[Scripted]) -> None:
    with time_machine.travel(START, tick=False) as clock:
        (message_id,) = send(scripted_notifier("n"))
        asked = []
        while due := message(message_id).report_due_at:
            clock.move_to(due)
            assert ask() == 1
            asked.append(due - START)
        intervals = [later - earlier for earlier, later in itertools.pairwise(asked)]
        assert asked[0] == DELAY
        assert intervals[:5] == [DELAY * 2**n for n in range(1, 6)]
        assert max(intervals) == timedelta(hours=6)
        assert intervals[:-1] == sorted(intervals[:-1])
        assert asked[-1] == timedelta(hours=72)
        assert message(message_id).status == Status.SENT
        clock.shift(timedelta(days=10))
        assert ask() == 0


@pytest.mark.parametrize("first", ["delivered", "undelivered"])
def test_a_report_is_final(scripted: type[Scripted], first: Any) -> None:
    with time_machine.travel(START, tick=False) as clock:
        (message_id,) = send(scripted_notifier("n"))
        scripted.told["n-1"] = Report(first)
        clock.shift(DELAY)
        ask()
        scripted.told["n-1"] = Report("undelivered" if first == "delivered" else "delivered")
        fetch([message_id])
        clock.shift(timedelta(hours=1))
        assert ask() == 0
        assert message(message_id).status == first


def test_a_report_of_an_earlier_sending_says_nothing_of_the_present_one(
    scripted: type[Scripted], monkeypatch: pytest.MonkeyPatch
) -> None:
    with time_machine.travel(START, tick=False) as clock:
        (message_id,) = send(scripted_notifier("n"))
        reports = scripted.reports

        def retried(self: Scripted, ids: Any) -> Any:
            db.session.query(Message).filter_by(id=message_id).update({"provider_message_id": "n-2"})
            db.session.commit()
            return reports(self, ids)

        monkeypatch.setattr(scripted, "reports", retried)
        scripted.told["n-1"] = Report("undelivered")
        clock.shift(DELAY)
        ask()
        assert message(message_id).status == Status.SENT


def test_a_provider_in_trouble_is_asked_again_and_others_meanwhile(
    scripted: type[Scripted], caplog: pytest.LogCaptureFixture
) -> None:
    with time_machine.travel(START, tick=False) as clock:
        (bad,), (good,) = send(scripted_notifier("bad")), send(scripted_notifier("good"))
        scripted.told["bad-1"] = NotifierTrouble("unavailable", "Out of order.")
        scripted.told["good-1"] = Report("delivered")
        clock.shift(DELAY)
        with caplog.at_level(logging.WARNING):
            assert ask() == 2
        assert "No delivery reports from <sms notifier" in caplog.text
        assert [message(message_id).status for message_id in (bad, good)] == [Status.SENT, Status.DELIVERED]
        scripted.told["bad-1"] = Report("delivered")
        clock.shift(2 * DELAY)
        assert ask() == 1
        assert message(bad).status == Status.DELIVERED


def test_a_notifier_that_was_deleted_is_not_asked(scripted: type[Scripted]) -> None:
    with time_machine.travel(START, tick=False) as clock:
        notifier = scripted_notifier("n")
        (message_id,) = send(notifier)
        db.session.delete(notifier)
        db.session.commit()
        clock.shift(DELAY)
        assert ask() == 1
        assert message(message_id).status == Status.SENT
        assert scripted.asked == []


def test_batches_are_as_large_as_the_backend_takes(scripted: type[Scripted]) -> None:
    with time_machine.travel(START, tick=False) as clock:
        send(scripted_notifier("n"), 5)
        clock.shift(DELAY)
        assert ask() == 5
        assert sorted(map(len, scripted.asked)) == [1, 2, 2]
