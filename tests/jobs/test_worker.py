"""Real workers: each broker carries messages from the API through a worker's process to a provider."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from flask import Flask
from sqlalchemy import func, select

from notifyhub.delivery import due_messages
from notifyhub.extensions import db
from notifyhub.messages.models import Attempt, Message, MessageStatus, Outcome
from notifyhub.notifiers.models import SMSNotifier
from notifyhub.settings.models import NotificationSettings
from tests.reliability.proxy import Proxy
from tests.simulators import MeliPayamakSimulator, melipayamak
from tests.support import brokers
from tests.support.clients import Api
from tests.support.environment import ROOT
from tests.support.factories import MessageFactory, SMSNotifierFactory
from tests.support.rows import context

URL = "/api/notifications/messages"
WORKER = "from notifyhub.cli import main; main()"


@pytest.fixture
def at() -> Iterator[Callable[[str], dict[str, str]]]:
    """Give a function that returns the variables of a broker, whose queues are deleted after the test."""
    used: list[tuple[str, str]] = []

    def variables(url: str) -> dict[str, str]:
        used.append((url, brokers.prefix()))
        return {"NOTIFYHUB_BROKER_URL": url, "NOTIFYHUB_QUEUE_PREFIX": used[-1][1]}

    yield variables
    for url, prefix in used:
        brokers.delete_queues(url, prefix)


@pytest.fixture
def installation(
    other_app: Callable[..., Flask],
    environment: dict[str, str],
    console: MeliPayamakSimulator,
    processes: list[subprocess.Popen[str]],
    tmp_path: Path,
    token: Callable[..., str],
) -> Callable[..., tuple[Api, int]]:
    """Give a function that starts a worker for a broker; it returns the API and a notifier's id."""

    def start(**variables: str) -> tuple[Api, int]:
        variables = {
            "NOTIFYHUB_MELIPAYAMAK_URL": console.url,
            "NOTIFYHUB_INSTANCE": str(tmp_path / "instance"),
            "NOTIFYHUB_REPORT_DELAY": "1",
            **variables,
        }
        (tmp_path / "instance").mkdir()
        app = other_app(**variables)
        with (tmp_path / "worker.log").open("w") as log:
            processes.append(
                subprocess.Popen(
                    [sys.executable, "-c", WORKER, "worker", "--beat", "--concurrency", "4"],
                    cwd=ROOT,
                    env={**os.environ, **environment, **variables},
                    stdout=log,
                    stderr=log,
                    text=True,
                )
            )
        with context(app):
            settings = {"token": melipayamak.TOKEN, "number": melipayamak.NUMBER}
            notifier = SMSNotifierFactory(settings=settings).id
        return Api(app.test_client(), token()), notifier

    return start


def send(api: Api, notifier: int, count: int) -> float:
    """Send messages; return the seconds that the slowest request took."""
    slowest = 0.0
    for number in range(count):
        began = time.monotonic()
        body = {"channel": "sms", "to": f"0912{number:07}", "text": "Hello", "notifier": notifier}
        assert api.post(URL, body).status == 201
        slowest = max(slowest, time.monotonic() - began)
    return slowest


def wait_until_delivered(app: Flask, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    statuses: set[str] = set()
    while statuses != {MessageStatus.DELIVERED}:
        assert time.monotonic() < deadline, statuses
        time.sleep(0.1)
        with app.app_context():
            statuses = {status for (status,) in db.session.query(Message.status).distinct()}


@pytest.mark.parametrize(
    ("environment", "broker"),
    [
        ("postgresql", "rabbitmq"),
        *(pytest.param("sqlite", broker, marks=pytest.mark.slow) for broker in ("filesystem", "redis")),
    ],
    indirect=["environment"],
)
def test_a_broker_carries_messages_to_the_provider_and_its_reports_back(
    app: Flask,
    installation: Callable[..., tuple[Api, int]],
    at: Callable[[str], dict[str, str]],
    console: MeliPayamakSimulator,
    broker: str,
) -> None:
    api, notifier = installation(**at(brokers.broker_url(broker)))
    send(api, notifier, 15)
    console.journal.wait_for(15, 30)
    wait_until_delivered(app)
    assert console.journal.counts() == {f"0912{number:07}": 1 for number in range(15)}


@pytest.mark.slow
def test_messages_that_come_while_the_broker_is_away_go_out_when_it_is_back(
    app: Flask,
    installation: Callable[..., tuple[Api, int]],
    at: Callable[[str], dict[str, str]],
    console: MeliPayamakSimulator,
) -> None:
    direct = at(brokers.broker_url("rabbitmq"))
    with Proxy(urlsplit(brokers.RABBITMQ).port or 5672) as proxy:
        url = brokers.RABBITMQ.replace(f":{proxy.target}", f":{proxy.port}")
        api, notifier = installation(**{**direct, "NOTIFYHUB_BROKER_URL": url})
        send(api, notifier, 1)
        console.journal.wait_for(1, 30)
        proxy.close()
        assert send(api, notifier, 5) < 5
        time.sleep(2)
        proxy.open()
        console.journal.wait_for(6, 60)
        wait_until_delivered(app, 60)
        assert sum(console.journal.counts().values()) == 6


@pytest.mark.slow
@pytest.mark.parametrize(
    ("environment", "broker"),
    [
        ("postgresql", "rabbitmq"),
        ("sqlite", "filesystem"),
        ("sqlite", "redis"),
    ],
    indirect=["environment"],
)
def test_one_time_passwords_do_not_wait_behind_lists(
    app: Flask,
    installation: Callable[..., tuple[Api, int]],
    at: Callable[[str], dict[str, str]],
    console: MeliPayamakSimulator,
    broker: str,
) -> None:
    variables = at(brokers.broker_url(broker))
    api, notifier = installation(**variables)
    console.latency = 0.2
    with api.client.application.app_context():
        db.session.merge(NotificationSettings(id=1, sms_notifier_id=notifier))
        db.session.commit()
        for number in range(50):
            assert due_messages.enqueue(stored(notifier, 10, first=10 * number))
    console.journal.wait_for(8, 30)
    answer = api.post("/api/notifications/otp", {"channel": "sms", "to": "09350000000"})
    assert answer.status == 201, answer.json
    deadline = time.monotonic() + 30
    while "09350000000" not in console.journal.counts():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    # Of 500 messages, which take four threads 25 seconds.
    assert sum(console.journal.counts().values()) < 250


@pytest.mark.slow
@pytest.mark.parametrize(
    ("environment", "broker", "end"),
    [
        ("postgresql", "rabbitmq", signal.SIGTERM),
        ("sqlite", "filesystem", signal.SIGTERM),
        ("sqlite", "redis", signal.SIGTERM),
        ("postgresql", "rabbitmq", signal.SIGKILL),
    ],
    indirect=["environment"],
)
def test_the_list_of_a_worker_that_ends_is_given_to_another_at_once(
    app: Flask,
    installation: Callable[..., tuple[Api, int]],
    at: Callable[[str], dict[str, str]],
    console: MeliPayamakSimulator,
    processes: list[subprocess.Popen[str]],
    broker: str,
    end: signal.Signals,
    tmp_path: Path,
) -> None:
    api, notifier = installation(**at(brokers.broker_url(broker)))
    console.latency = 0.1
    other = api.client.application
    with other.app_context():
        ids = stored(notifier, 200)
        assert due_messages.enqueue(ids)
    console.journal.wait_for(8, 30)
    processes[0].send_signal(end)
    assert processes[0].wait(20) == (0 if end == signal.SIGTERM else -end)
    deadline = time.monotonic() + 30
    jobs: list[tuple[str, list[object]]] = []
    while not jobs:
        assert time.monotonic() < deadline
        jobs = brokers.taken(other)
    assert (due_messages.DELIVER, [ids]) in jobs
    with app.app_context():
        ends = select(Attempt.outcome, func.count()).group_by(Attempt.outcome)
        outcomes = {row.outcome: row[1] for row in db.session.execute(ends)}
    if end == signal.SIGTERM:
        assert outcomes == {Outcome.ACCEPTED: sum(console.journal.counts().values())}
    assert outcomes[Outcome.ACCEPTED] < 200
    assert "Traceback" not in (tmp_path / "worker.log").read_text()


def stored(notifier_id: int, count: int, first: int = 0) -> list[int]:
    """Store messages to numbers of their own, as a bulk request does."""
    notifier = db.session.get(SMSNotifier, notifier_id)
    made = [
        MessageFactory(notifier=notifier, recipient=f"+98912{number:07}", text="Hello").id
        for number in range(first, first + count)
    ]
    db.session.rollback()
    return made
