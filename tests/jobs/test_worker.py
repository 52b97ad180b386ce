"""Real workers: each broker carries messages from the API through a worker's process to a provider."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from flask import Flask

from notifyhub.extensions import db
from notifyhub.messages.models import Message, MessageStatus
from tests.reliability.proxy import Proxy
from tests.simulators import MeliPayamakSimulator, melipayamak
from tests.support import brokers
from tests.support.clients import Api
from tests.support.environment import ROOT
from tests.support.factories import SMSNotifierFactory
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
    [("sqlite", "filesystem"), ("postgresql", "rabbitmq"), ("sqlite", "redis")],
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
