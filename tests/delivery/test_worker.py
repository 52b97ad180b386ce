"""Real workers: each broker carries messages from the API through a worker's process to a provider."""

import os
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from flask import Flask
from kombu import Connection

from notifyhub.delivery.queue import QUEUES, named_queue
from notifyhub.extensions import db
from notifyhub.messages.models import Message, Status
from tests.conftest import ROOT, Api, absent
from tests.delivery.rows import context
from tests.factories import SMSNotifierFactory
from tests.simulators import MeliPayamakSimulator, melipayamak

URL = "/api/notifications/messages"
RABBITMQ = os.environ.get("TEST_RABBITMQ_URL", "amqp://guest:guest@127.0.0.1:5672//")
WORKER = "from notifyhub.cli import main; main()"


@pytest.fixture(scope="session")
def rabbitmq_url() -> str:
    """The URL of a RabbitMQ server."""
    try:
        with Connection(RABBITMQ, connect_timeout=2) as connection:
            connection.ensure_connection(max_retries=1, timeout=2)
    except OSError:
        absent("RabbitMQ", "TEST_RABBITMQ_URL")
    return RABBITMQ


@pytest.fixture
def prefix(request: pytest.FixtureRequest) -> Iterator[Callable[[str], str]]:
    """Give a function that returns a prefix for a broker's queues, which are deleted after it."""
    used: list[tuple[str, str]] = []

    def take(url: str) -> str:
        used.append((url, f"notifyhub-test-{uuid.uuid4().hex}"))
        return used[-1][1]

    yield take
    for url, name in used:
        with Connection(url) as connection:
            for queue in QUEUES:
                named_queue(name, queue)(connection.default_channel).delete()


class Proxy:
    """A TCP proxy before a broker, which can be cut and joined again."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.open: list[socket.socket] = []

    def join(self) -> None:
        if self.listener.fileno() == -1:
            self.listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, args=[self.listener], daemon=True).start()

    def cut(self) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        while self.open:
            self._close(self.open.pop())

    def _close(self, end: socket.socket) -> None:
        with suppress(OSError):  # the other end was faster
            end.shutdown(socket.SHUT_RDWR)
        end.close()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return  # cut
            server = socket.create_connection(("127.0.0.1", self.target))
            self.open += [client, server]
            for source, sink in ((client, server), (server, client)):
                threading.Thread(target=self._carry, args=[source, sink], daemon=True).start()

    def _carry(self, source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                sink.sendall(data)
        except OSError:
            return  # cut
        self._close(sink)


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
    while statuses != {Status.DELIVERED}:
        assert time.monotonic() < deadline, statuses
        time.sleep(0.1)
        with app.app_context():
            statuses = {status for (status,) in db.session.query(Message.status).distinct()}


@pytest.mark.parametrize("broker", ["filesystem", "rabbitmq", "redis"])
def test_a_broker_carries_messages_to_the_provider_and_its_reports_back(
    request: pytest.FixtureRequest,
    app: Flask,
    installation: Callable[..., tuple[Api, int]],
    prefix: Callable[[str], str],
    console: MeliPayamakSimulator,
    broker: str,
) -> None:
    variables = {}
    if broker != "filesystem":
        url = request.getfixturevalue(f"{broker}_url")
        variables = {"NOTIFYHUB_BROKER_URL": url, "NOTIFYHUB_QUEUE_PREFIX": prefix(url)}
    api, notifier = installation(**variables)
    send(api, notifier, 15)
    console.journal.wait_for(15, 30)
    wait_until_delivered(app)
    assert console.journal.counts() == {f"0912{number:07}": 1 for number in range(15)}


@pytest.mark.slow
def test_messages_that_come_while_the_broker_is_away_go_out_when_it_is_back(
    app: Flask,
    rabbitmq_url: str,
    installation: Callable[..., tuple[Api, int]],
    prefix: Callable[[str], str],
    console: MeliPayamakSimulator,
) -> None:
    proxy = Proxy(5672)
    proxy.join()
    url = f"amqp://guest:guest@127.0.0.1:{proxy.port}//"
    api, notifier = installation(NOTIFYHUB_BROKER_URL=url, NOTIFYHUB_QUEUE_PREFIX=prefix(rabbitmq_url))
    send(api, notifier, 1)
    console.journal.wait_for(1, 30)
    proxy.cut()
    try:
        assert send(api, notifier, 5) < 5
        time.sleep(2)
    finally:
        proxy.join()
    console.journal.wait_for(6, 60)
    wait_until_delivered(app, 60)
    assert sum(console.journal.counts().values()) == 6
    proxy.cut()
