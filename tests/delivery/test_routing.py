"""Failover between real servers: a backup carries the load while a notifier is in trouble."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from flask import Flask

from notifyhub.delivery.rounds import deliver
from notifyhub.extensions import db
from notifyhub.messages.models import MessageStatus
from notifyhub.notifiers.models import SMSNotifier
from notifyhub.patterns.models import PatternStatus, SMSPattern
from tests.simulators import IPPanelSimulator, MeliPayamakSimulator, ippanel, melipayamak
from tests.support.clients import Api
from tests.support.factories import MessageFactory, SMSNotifierFactory, SMSPatternFactory
from tests.support.rows import attempts, change_settings, context, message, scripted_notifier
from tests.support.scripted import Scripted

START = datetime(2026, 3, 21, 12, tzinfo=UTC)
REST = timedelta(seconds=30)  # NOTIFYHUB_BREAKER_REST
BOTH = [(1, "first", "temporary"), (1, "backup", "accepted")]

pytestmark = pytest.mark.usefixtures("_simulated", "_context")


@pytest.fixture
def first(app: Flask) -> SMSNotifier:
    settings = {"token": melipayamak.TOKEN, "number": melipayamak.NUMBER}
    notifier: SMSNotifier = SMSNotifierFactory(name="first", settings=settings)
    return notifier


@pytest.fixture
def backup(app: Flask) -> SMSNotifier:
    settings = {"token": ippanel.TOKEN, "from_number": ippanel.LINE}
    notifier: SMSNotifier = SMSNotifierFactory(name="backup", backend="ippanel", settings=settings)
    change_settings(sms_backup_notifiers=[notifier.id])
    return notifier


def send(notifier: SMSNotifier, **values: Any) -> int:
    message_id: int = MessageFactory(notifier=notifier, **values).id
    deliver(message_id)
    return message_id


def test_while_a_provider_is_down_the_backup_carries_the_load_until_one_message_finds_it_back(
    first: SMSNotifier, backup: SMSNotifier, console: MeliPayamakSimulator, edge: IPPanelSimulator
) -> None:
    with time_machine.travel(START, tick=False) as clock:
        console.stop()
        assert [attempts(send(first)) for _ in range(5)] == [BOTH] * 5
        assert [attempts(send(first)) for _ in range(3)] == [[(1, "backup", "accepted")]] * 3
        clock.shift(REST + timedelta(seconds=1))
        assert attempts(send(first)) == BOTH  # the probe
        assert attempts(send(first)) == [(1, "backup", "accepted")]
        console.start()
        assert attempts(send(first)) == [(1, "backup", "accepted")]
        clock.shift(REST + timedelta(seconds=1))
        assert [attempts(send(first)) for _ in range(3)] == [[(1, "first", "accepted")]] * 3
    assert len(console.journal.messages()) == 3
    assert len(edge.journal.messages()) == 11


def test_of_many_messages_after_the_rest_one_probes(
    app: Flask, first: SMSNotifier, backup: SMSNotifier, console: MeliPayamakSimulator
) -> None:
    with time_machine.travel(START, tick=False) as clock:
        console.troubles.add("server_error", times=None)
        for _ in range(5):
            send(first)
        clock.shift(REST)
        ids = [MessageFactory(notifier=first).id for _ in range(8)]

        def work(message_id: int) -> None:
            with app.app_context():
                deliver(message_id)

        console.requests = 0
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(work, ids))
        assert console.requests == 1
        assert sorted(len(attempts(message_id)) for message_id in ids) == [1] * 7 + [2]


@pytest.mark.parametrize(
    ("script", "rests"),
    [
        (["trouble"] * 5, True),
        (["trouble"] * 4, False),
        (["trouble"] * 4 + ["accepted"] + ["trouble"] * 4, False),
        (["trouble"] * 4 + ["refused"] + ["trouble"] * 4, False),
        (["trouble"] * 4 + ["not_here"] + ["trouble"] * 4, False),
        (["trouble"] * 4 + ["temporary"] + ["trouble"] * 4, False),
        (["trouble"] * 4 + ["uncertain", "trouble"], True),
        (["refused"] * 9, False),
        (["temporary"] * 9, False),
        (["uncertain"] * 9, False),
    ],
)
def test_a_notifier_rests_after_five_failures_of_its_own_in_a_row(
    scripted: type[Scripted], script: list[str], rests: bool
) -> None:
    notifier = scripted_notifier("n", *script)
    for _ in script:
        send(notifier)
    assert len(attempts(send(notifier))) == (0 if rests else 1)


def test_when_all_rest_the_round_does_not_count(scripted: type[Scripted]) -> None:
    with time_machine.travel(START, tick=False) as clock:
        change_settings(max_attempts=1)
        notifier = scripted_notifier("n", *["trouble"] * 5)
        for _ in range(5):
            send(notifier)
        message_id = send(notifier)
        row = message(message_id)
        resting = (MessageStatus.SENDING, 0, "notifier_resting", [])
        assert (row.status, row.rounds, row.error_code, row.attempts) == resting
        assert row.error_detail == "The notifier n rests until 2026-03-21T12:00:30.000000Z."
        assert row.next_attempt_at
        assert START + REST <= row.next_attempt_at <= START + REST * 1.5
        clock.move_to(row.next_attempt_at)
        deliver(message_id)
        assert attempts(message_id) == [(1, "n", "accepted")]


def test_a_backup_sends_by_its_own_pattern_of_the_same_name(
    app: Flask,
    first: SMSNotifier,
    backup: SMSNotifier,
    console: MeliPayamakSimulator,
    edge: IPPanelSimulator,
    api: Api,
) -> None:
    own = SMSPatternFactory(
        notifier_id=first.id, name="hello", code="13421", body="Hello {0}, your order {1} is on its way."
    )
    body = "Dear %name%, %order% has left."
    edge.patterns["simulatedhello1"].body = body
    SMSPatternFactory(
        notifier_id=backup.id, name="hello", code="simulatedhello1", body=body, status=PatternStatus.APPROVED
    )
    console.troubles.add("no_credit")
    message_id = send(
        first, pattern=own, args=["Sara", "77"], text="Hello Sara, your order 77 is on its way."
    )
    assert attempts(message_id) == BOTH
    (taken,) = edge.journal.messages()
    assert taken.params == {"name": "Sara", "order": "77"}
    shown = api.get(f"/api/notifications/messages/{message_id}").json
    assert shown["text"] == taken.text == "Dear Sara, 77 has left."
    assert shown["notifier_data"] == {"id": backup.id, "name": "backup"}
    assert (shown["status"], shown["encoding"], shown["segments"]) == ("sent", "gsm7", 1)
    assert shown["provider_message_id"] == taken.id
    assert [each["outcome"] for each in shown["attempts"]] == ["temporary", "accepted"]


@pytest.mark.parametrize(
    "other",
    [
        {"name": "another"},
        {"status": PatternStatus.PENDING},
        {"status": PatternStatus.REJECTED},
        {"body": "{0} and {1}"},
        {"body": "none"},
        None,
    ],
    ids=str,
)
def test_a_backup_without_a_fitting_pattern_is_passed_over(
    scripted: type[Scripted], other: dict[str, Any] | None
) -> None:
    home, spare = scripted_notifier("home", "trouble"), scripted_notifier("spare")
    change_settings(sms_backup_notifiers=[spare.id])
    own = SMSPatternFactory(notifier_id=home.id, name="otp", body="Code {0}")
    if other is not None:
        values = {"name": "otp", "body": "It is {0}", "status": PatternStatus.APPROVED, **other}
        SMSPatternFactory(notifier_id=spare.id, **values)
    message_id = send(home, pattern=own, args=["12345"], text="Code 12345")
    assert attempts(message_id) == [(1, "home", "temporary")]
    assert message(message_id).status == MessageStatus.SENDING
    assert scripted.sent["spare"] == []


@pytest.mark.parametrize("gone", ["notifier", "pattern"])
@pytest.mark.parametrize("backed", [True, False])
def test_what_is_deleted_meanwhile_is_left_to_the_backup(
    scripted: type[Scripted], gone: str, backed: bool
) -> None:
    home, spare = scripted_notifier("home"), scripted_notifier("spare")
    own = SMSPatternFactory(notifier_id=home.id, name="otp", body="Code {0}")
    SMSPatternFactory(notifier_id=spare.id, name="otp", body="It is {0}", status=PatternStatus.APPROVED)
    change_settings(sms_backup_notifiers=[spare.id] if backed else [])
    message_id = MessageFactory(notifier=home, pattern=own, args=["12345"], text="Code 12345").id
    db.session.delete(home if gone == "notifier" else own)
    if gone == "notifier":
        db.session.query(SMSPattern).filter_by(notifier_id=home.id).delete()
    db.session.commit()
    deliver(message_id)
    row = message(message_id)
    own_try = [] if gone == "notifier" else [(1, "home", "permanent")]
    if backed:
        assert attempts(message_id) == [*own_try, (1, "spare", "accepted")]
        assert (row.status, row.text, row.notifier_name) == (MessageStatus.SENT, "It is 12345", "spare")
    else:
        assert attempts(message_id) == own_try
        assert row.status == MessageStatus.FAILED
        assert row.error_code == {"notifier": "no_notifier", "pattern": "unknown_pattern"}[gone]
    assert row.pattern_name == "otp"


def test_a_pattern_that_asks_for_more_meanwhile_is_not_served(scripted: type[Scripted]) -> None:
    home = scripted_notifier("home")
    own = SMSPatternFactory(notifier_id=home.id, name="otp", body="Code {0}")
    message_id = MessageFactory(notifier=home, pattern=own, args=["12345"], text="Code 12345").id
    own.body = "Code {0}, {1}"
    db.session.commit()
    deliver(message_id)
    assert (message(message_id).status, message(message_id).error_code) == (
        MessageStatus.FAILED,
        "pattern_mismatch",
    )
    assert scripted.sent["home"] == []


def test_backups_take_turns_in_the_order_of_the_settings(scripted: type[Scripted]) -> None:
    home = scripted_notifier("home", "not_here")
    second, third = scripted_notifier("b", "trouble"), scripted_notifier("c")
    change_settings(sms_backup_notifiers=[second.id, home.id, 2**40, third.id])
    assert attempts(send(home)) == [(1, "home", "permanent"), (1, "b", "temporary"), (1, "c", "accepted")]


def test_no_connection_is_held_while_a_provider_is_talked_to(
    app: Flask, first: SMSNotifier, console: MeliPayamakSimulator, held_connections: Any
) -> None:
    db.session.rollback()
    counts = held_connections(console)
    message_id = MessageFactory(notifier=first).id
    db.session.rollback()
    with context(app):
        deliver(message_id)
    assert counts == [0]
