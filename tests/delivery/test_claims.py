"""Claims: of many workers one has a message, for the time of its lease."""

import itertools
import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from notifyhub.database.base import now
from notifyhub.delivery import claims, sweep
from notifyhub.delivery.backends.interface import Report
from notifyhub.delivery.delivering import deliver
from notifyhub.delivery.reports import claim_due, fetch
from notifyhub.extensions import db
from notifyhub.messages.models import Message, Status
from tests.conftest import ROOT, Api
from tests.delivery.rows import attempts, change_settings, context, message, scripted_notifier
from tests.delivery.scripted import Scripted
from tests.factories import MessageFactory, SMSNotifierFactory
from tests.simulators import MeliPayamakSimulator, melipayamak

START = datetime(2026, 3, 21, 12, tzinfo=UTC)
LEASE = timedelta(seconds=60)  # NOTIFYHUB_LEASE_SECONDS
MANY = 200
DELIVERING = """
import random, sys
from concurrent.futures import ThreadPoolExecutor
from notifyhub.app import create_app
from notifyhub.delivery.delivering import deliver

app = create_app()
ids = [int(each) for each in sys.argv[1:]]

def work(number):
    with app.app_context():
        for one in random.Random(number).sample(ids, len(ids)):
            deliver(one)

print("ready", flush=True)
sys.stdin.readline()
with ThreadPoolExecutor(5) as pool:
    list(pool.map(work, range(5)))
"""


def store_many(app: Flask, count: int, **values: Any) -> list[int]:
    """Store messages that have been due for a minute, each to a number of its own."""
    with context(app):
        due = now() - timedelta(minutes=1)
        rows = [
            MessageFactory.build(
                recipient=f"+98912{number:07}", next_attempt_at=due, created_at=due, updated_at=due, **values
            )
            for number in range(count)
        ]
        db.session.add_all(rows)
        db.session.commit()
        return [row.id for row in rows]


def facts(message_id: int) -> dict[str, Any]:
    row = message(message_id)
    return {column.name: getattr(row, column.key) for column in Message.__mapper__.columns}


def within(app: Flask, work: Callable[[], Any]) -> Callable[[], Any]:
    """Return `work` as a thread does it: in a context of its own."""

    def run() -> Any:
        with context(app):
            return work()

    return run


def test_of_ten_workers_and_two_sweeps_one_sends_each_message(app: Flask, scripted: type[Scripted]) -> None:
    with context(app):
        notifier = scripted_notifier("n")
        ids = store_many(app, MANY, notifier=notifier)

    def work(seed: int) -> None:
        for one in random.Random(seed).sample(ids, len(ids)):
            deliver(one)

    with ThreadPoolExecutor(12) as pool:
        sweeps = [pool.submit(within(app, sweep.sweep)) for _ in range(2)]
        workers = [pool.submit(within(app, lambda seed=seed: work(seed))) for seed in range(10)]  # type: ignore[misc]
        for each in workers:
            each.result()
    assert sum(each.result().enqueued for each in sweeps) <= MANY
    assert all((each.result().recovered, each.result().expired) == (0, 0) for each in sweeps)
    assert Counter(sms.to for sms in scripted.sent["n"]) == {f"+98912{n:07}": 1 for n in range(MANY)}
    with context(app):
        for one in ids:
            assert attempts(one) == [(1, "n", "accepted")]
            assert message(one).status == Status.SENT


def test_sweeps_at_once_wake_a_worker_once_for_each_message(app: Flask, scripted: type[Scripted]) -> None:
    with context(app):
        ids = store_many(app, MANY, notifier=scripted_notifier("n"))
    with ThreadPoolExecutor(4) as pool:
        swept = [pool.submit(within(app, sweep.sweep)) for _ in range(4)]
    assert sum(each.result().enqueued for each in swept) == len(ids)


def test_of_workers_in_many_processes_one_sends_each_message(
    app: Flask,
    environment: dict[str, str],
    processes: list[subprocess.Popen[str]],
    console: MeliPayamakSimulator,
) -> None:
    with context(app):
        settings = {"token": melipayamak.TOKEN, "number": melipayamak.NUMBER}
        ids = store_many(app, MANY, notifier=SMSNotifierFactory(settings=settings))
    for _ in range(2):
        process = subprocess.Popen(
            [sys.executable, "-c", DELIVERING, *map(str, ids)],
            cwd=ROOT,
            env={**os.environ, **environment, "NOTIFYHUB_MELIPAYAMAK_URL": console.url},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
    for process in processes:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.close()
    assert [process.wait(60) for process in processes] == [0, 0]
    assert console.journal.counts() == {f"0912{number:07}": 1 for number in range(MANY)}
    with context(app):
        assert {message(one).status for one in ids} == {Status.SENT}


@pytest.mark.usefixtures("_context")
@pytest.mark.parametrize(
    "values",
    [
        {"next_attempt_at": START + timedelta(seconds=1)},
        {"status": Status.SCHEDULED, "next_attempt_at": START + timedelta(days=1)},
        {"status": Status.SENDING, "next_attempt_at": START + timedelta(seconds=5)},
        {"expires_at": START},
        {"status": Status.SENDING, "lease": "another's", "lease_until": START + LEASE},
        *({"status": status, "next_attempt_at": None} for status in Status if status not in claims.LIVE),
        *({"status": status} for status in Status if status not in claims.LIVE),
    ],
    ids=str,
)
def test_what_is_not_due_is_not_claimed(scripted: type[Scripted], values: dict[str, Any]) -> None:
    with time_machine.travel(START, tick=False):
        stored = MessageFactory(notifier=scripted_notifier("n"), **values)
        message_id = stored.id
        before = facts(message_id)
        assert claims.claim(message_id) is None
        deliver(message_id)
        assert facts(message_id) == before
        assert (attempts(message_id), scripted.sent["n"]) == ([], [])


@pytest.mark.usefixtures("_context")
@pytest.mark.parametrize("status", claims.LIVE)
def test_what_is_due_is_claimed_once_with_the_start_of_its_attempt(
    scripted: type[Scripted], status: Status
) -> None:
    with time_machine.travel(START, tick=False):
        message_id = MessageFactory(notifier=scripted_notifier("n"), status=status, next_attempt_at=START).id
        claim = claims.claim(message_id)
        assert claim
        assert claims.claim(message_id) is None
        row = message(message_id)
        assert (row.status, row.lease, row.lease_until) == (Status.SENDING, claim.lease, START + LEASE)
        assert [(each.id, each.outcome, each.started_at) for each in row.attempts] == [
            (claim.attempt, None, START)
        ]


@pytest.mark.usefixtures("_context")
def test_a_message_of_nobody_known_is_nobody_s() -> None:
    assert claims.claim(2**62) is None
    deliver(2**62)


@pytest.mark.usefixtures("_context")
def test_what_a_worker_learns_after_its_lease_is_not_written(
    scripted: type[Scripted], monkeypatch: pytest.MonkeyPatch
) -> None:
    with time_machine.travel(START, tick=False) as clock:
        message_id = MessageFactory(notifier=scripted_notifier("n"), next_attempt_at=START).id

        def lose() -> None:
            clock.shift(LEASE)
            assert sweep.sweep().recovered == 1

        monkeypatch.setattr(scripted, "during", staticmethod(lose))
        deliver(message_id)
        row = message(message_id)
        assert (row.status, row.sent_at, row.provider_message_id) == (Status.SENDING, None, None)
        assert (row.rounds, row.lease) == (1, None)
        assert (row.error_code, row.attempts[0].error_code) == ("worker_lost", "worker_lost")
        assert attempts(message_id) == [(1, "n", "uncertain")]

        monkeypatch.setattr(scripted, "during", staticmethod(lambda: None))
        assert row.next_attempt_at
        clock.move_to(row.next_attempt_at)
        deliver(message_id)
        assert attempts(message_id) == [(1, "n", "uncertain"), (2, "n", "accepted")]
        assert (message(message_id).status, message(message_id).error_code) == (Status.SENT, None)


@pytest.mark.usefixtures("_context")
def test_who_has_lost_the_lease_does_not_go_on_to_the_backup(
    scripted: type[Scripted], monkeypatch: pytest.MonkeyPatch
) -> None:
    with time_machine.travel(START, tick=False) as clock:
        first, backup = scripted_notifier("first", "temporary"), scripted_notifier("backup")
        change_settings(sms_backup_notifiers=[backup.id])
        message_id = MessageFactory(notifier=first, next_attempt_at=START).id

        def lose() -> None:
            clock.shift(LEASE)
            sweep.sweep()

        monkeypatch.setattr(scripted, "during", staticmethod(lose))
        deliver(message_id)
        assert attempts(message_id) == [(1, "first", "uncertain")]
        assert scripted.sent["backup"] == []


@pytest.mark.usefixtures("_context")
def test_each_attempt_of_a_round_renews_the_lease(
    scripted: type[Scripted], monkeypatch: pytest.MonkeyPatch
) -> None:
    with time_machine.travel(START, tick=False) as clock:
        first, backup = scripted_notifier("first", "temporary"), scripted_notifier("backup")
        change_settings(sms_backup_notifiers=[backup.id])
        message_id = MessageFactory(notifier=first, next_attempt_at=START).id

        def wait() -> None:
            clock.shift(LEASE - timedelta(seconds=1))
            assert sweep.sweep().recovered == 0

        monkeypatch.setattr(scripted, "during", staticmethod(wait))
        deliver(message_id)
        assert attempts(message_id) == [(1, "first", "temporary"), (1, "backup", "accepted")]
        assert message(message_id).status == Status.SENT


@pytest.mark.usefixtures("_context")
def test_a_worker_that_died_without_an_attempt_costs_no_round(scripted: type[Scripted]) -> None:
    """Its notifier was resting, and it died before the backup's turn."""
    with time_machine.travel(START, tick=False) as clock:
        resting = scripted_notifier("n", *["trouble"] * 5)
        for _ in range(5):
            deliver(MessageFactory(notifier=resting, next_attempt_at=START).id)
        message_id = MessageFactory(notifier=resting, next_attempt_at=START).id
        claim = claims.claim(message_id)
        assert claim
        assert claim.attempt is None
        clock.shift(LEASE)
        assert sweep.sweep().recovered >= 1
        row = message(message_id)
        assert (row.status, row.rounds, row.next_attempt_at) == (Status.SENDING, 0, START + LEASE)
        deliver(message_id)
        assert attempts(message_id) == [(1, "n", "accepted")]


def test_of_cancelling_and_claiming_one_wins(app: Flask, api: Api, scripted: type[Scripted]) -> None:
    with context(app):
        notifier = scripted_notifier("n")
        first, second = (MessageFactory(notifier=notifier).id for _ in range(2))
    url = "/api/notifications/messages"
    assert api.post(f"{url}/{first}/cancel").status == 200
    with context(app):
        assert claims.claim(first) is None
        assert claims.claim(second)
    assert api.post(f"{url}/{second}/cancel").status == 409


tokens = itertools.count()
RANK = {Status.SCHEDULED: 0, Status.QUEUED: 1, Status.SENDING: 2, Status.SENT: 3}
"""How far a status is; all others are ends."""


def _act(action: str, message_id: int, clock: Any) -> None:
    match action:
        case "deliver":
            deliver(message_id)
        case "die":
            claims.claim(message_id)
        case "sweep":
            sweep.sweep()
        case "report":
            for ids in claim_due():
                fetch(ids)
        case _:
            clock.shift(timedelta(seconds=int(action)))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    actions=st.lists(
        st.sampled_from(["deliver", "deliver", "die", "sweep", "report", "7", "61", "700"]),
        min_size=5,
        max_size=25,
    ),
    script=st.lists(
        st.sampled_from(["temporary", "uncertain", "trouble", "refused", "not_here"]), max_size=4
    ),
    state=st.sampled_from(["pending", "delivered", "undelivered"]),
    scheduled=st.booleans(),
)
def test_statuses_never_go_back(
    app: Flask, scripted: type[Scripted], actions: list[str], script: list[str], state: Any, scheduled: bool
) -> None:
    with context(app), time_machine.travel(START, tick=False) as clock:
        token = f"n{next(tokens)}"
        stored = MessageFactory(
            notifier=scripted_notifier(token, *script),
            status=Status.SCHEDULED if scheduled else Status.QUEUED,
            next_attempt_at=START + timedelta(seconds=5 * scheduled),
            expires_at=START + timedelta(hours=1),
        )
        message_id, history = stored.id, [Status(stored.status)]
        for name in range(1, 20):
            scripted.told[f"{token}-{name}"] = Report(state)
        for action in actions:
            _act(action, message_id, clock)
            history.append(Status(message(message_id).status))
        ranks = [RANK.get(status, 4) for status in history]
        assert ranks == sorted(ranks)
        ends = {status for status in history if status not in RANK}
        assert len(ends) <= 1
