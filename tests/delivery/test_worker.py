"""`notifyhub worker`, as a process: with each broker and each database it delivers."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask_migrate import upgrade
from sqlalchemy import select

from notifyhub.database.base import now
from notifyhub.delivery import queue
from notifyhub.extensions import db
from notifyhub.messages.models import Channel, Message, Status
from notifyhub.notifiers.models import EmailNotifier, SMSNotifier
from tests.conftest import ROOT, free_port
from tests.delivery import brokers
from tests.factories import EmailNotifierFactory, MessageFactory, SMSNotifierFactory
from tests.reliability.proxy import Proxy
from tests.simulators import IPPanelSimulator, MeliPayamakSimulator, SMTPSimulator, ippanel, melipayamak
from tests.simulators.smtp import PASSWORD, USERNAME

COMMAND = [sys.executable, "-c", "from notifyhub.cli import main; main()", "worker"]


class Installation:
    """An application with its own queues, its variables, and the workers that a test starts for it."""

    def __init__(self, app: Flask, variables: dict[str, str], log: Path) -> None:
        self.app = app
        self.variables = variables
        self.log = log
        self.workers: list[subprocess.Popen[bytes]] = []

    def start(self, *options: str) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            worker = subprocess.Popen(
                [*COMMAND, *options],
                cwd=ROOT,
                env={**os.environ, **self.variables},
                stdout=log,
                stderr=log,
            )
        self.workers.append(worker)
        return worker

    def ready(self, count: int = 1) -> None:
        """Wait until so many workers have said that they are ready."""
        self.wait(lambda: self.log.read_text().count(" ready.") >= count)

    def wait(self, condition: Callable[[], bool], seconds: float = 40) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.05)

    def statuses(self) -> list[str]:
        with self.app.app_context():
            found = list(db.session.scalars(select(Message.status).order_by(Message.id)))
            db.session.rollback()
            return found


@pytest.fixture
def install(
    app: Flask,
    environment: dict[str, str],
    other_app: Callable[..., Flask],
    console: MeliPayamakSimulator,
    edge: IPPanelSimulator,
    tmp_path: Path,
) -> Iterator[Callable[..., Installation]]:
    """Give a function that makes an installation on the test's database, led to the simulators."""
    made: list[Installation] = []

    def make(url: str, **more: str) -> Installation:
        variables = {
            "NOTIFYHUB_BROKER_URL": url,
            "NOTIFYHUB_QUEUE_PREFIX": brokers.prefix(),
            "NOTIFYHUB_INSTANCE": str(tmp_path / "instance"),
            "NOTIFYHUB_MELIPAYAMAK_URL": console.url,
            "NOTIFYHUB_IPPANEL_URL": edge.url,
            "NOTIFYHUB_SMTP_VERIFY": "0",
            "NOTIFYHUB_REPORT_DELAY": "1",
            **more,
        }
        installation = Installation(
            other_app(**variables), {**environment, **variables}, tmp_path / "worker.log"
        )
        made.append(installation)
        return installation

    yield make
    for installation in made:
        for worker in installation.workers:
            if worker.poll() is None:
                worker.kill()
            worker.wait()
        with installation.app.app_context():
            queue.publisher().close()
        if installation.variables["NOTIFYHUB_BROKER_URL"] in {brokers.RABBITMQ, brokers.REDIS}:
            brokers.delete_queues(
                installation.variables["NOTIFYHUB_BROKER_URL"],
                installation.variables["NOTIFYHUB_QUEUE_PREFIX"],
            )


def sms(installation: Installation, count: int = 1, backend: str = "melipayamak") -> list[int]:
    """Store messages and wake workers for them."""
    settings = {
        "melipayamak": {"token": melipayamak.TOKEN, "number": melipayamak.NUMBER},
        "ippanel": {"token": ippanel.TOKEN, "from_number": ippanel.LINE},
    }
    with installation.app.app_context():
        notifier: SMSNotifier = SMSNotifierFactory(backend=backend, settings=settings[backend])
        made: list[Message] = MessageFactory.create_batch(count, notifier=notifier)
        ids = [message.id for message in made]
        queue.enqueue(ids)
    return ids


def mail_message(installation: Installation, mail: SMTPSimulator) -> int:
    with installation.app.app_context():
        notifier: EmailNotifier = EmailNotifierFactory(
            host="127.0.0.1", port=mail.port, username=USERNAME, password=PASSWORD
        )
        message: Message = MessageFactory(
            notifier=notifier, channel=Channel.EMAIL, recipient="a@example.org", subject="Hello"
        )
        queue.enqueue([message.id])
        return message.id


@pytest.mark.parametrize("kind", brokers.KINDS)
def test_messages_of_all_kinds_go_out_and_are_reported_on(
    install: Callable[..., Installation],
    console: MeliPayamakSimulator,
    edge: IPPanelSimulator,
    mail: SMTPSimulator,
    kind: str,
) -> None:
    installation = install(brokers.broker_url(kind))
    installation.start("--beat")
    sms(installation, 25)
    sms(installation, backend="ippanel")
    mail_message(installation, mail)
    installation.wait(lambda: installation.statuses() == [*[Status.DELIVERED] * 26, Status.SENT])
    counts = [len(simulator.journal.messages()) for simulator in (console, edge, mail)]
    assert counts == [25, 1, 1]


@pytest.mark.slow
def test_a_message_whose_call_was_lost_and_a_scheduled_one_are_swept(
    install: Callable[..., Installation], console: MeliPayamakSimulator
) -> None:
    installation = install("")
    installation.start("--beat")
    installation.ready()
    with installation.app.app_context():
        settings = {"token": melipayamak.TOKEN, "number": melipayamak.NUMBER}
        notifier: SMSNotifier = SMSNotifierFactory(settings=settings)
        MessageFactory(notifier=notifier, next_attempt_at=now())
        MessageFactory(notifier=notifier, status=Status.SCHEDULED)
    console.journal.wait_for(1, 5)
    console.journal.wait_for(2, 20)


def test_a_stopped_worker_ends_what_it_has_begun_and_leaves_the_rest(
    install: Callable[..., Installation], console: MeliPayamakSimulator
) -> None:
    installation = install(brokers.broker_url("rabbitmq"))
    worker = installation.start("--concurrency", "2")
    installation.ready()
    console.latency = 0.5
    sms(installation, 60)
    console.journal.wait_for(1)
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(20) == 0
    assert set(installation.statuses()) == {Status.QUEUED, Status.SENT}
    console.latency = 0
    installation.start()
    installation.wait(lambda: installation.statuses() == [Status.SENT] * 60)
    assert len(console.journal.messages()) == 60


@pytest.mark.slow
def test_a_worker_waits_for_a_broker_that_is_not_there_yet(
    install: Callable[..., Installation], console: MeliPayamakSimulator
) -> None:
    brokers.broker_url("rabbitmq")
    port = free_port()
    url = brokers.RABBITMQ.replace(":5672", f":{port}")
    installation = install(url)
    installation.start("--beat")
    sms(installation, 3)
    time.sleep(3)
    with Proxy(5672, port):
        console.journal.wait_for(3, 40)
        installation.wait(lambda: installation.statuses() == [Status.DELIVERED] * 3)
        for worker in installation.workers:
            worker.terminate()
            worker.wait(20)
        with installation.app.app_context():
            queue.publisher().close()
        brokers.delete_queues(brokers.RABBITMQ, installation.variables["NOTIFYHUB_QUEUE_PREFIX"])


def test_a_worker_waits_for_a_database_that_has_no_tables_yet(
    install: Callable[..., Installation], empty_database: Callable[[str], str], console: MeliPayamakSimulator
) -> None:
    installation = install("", NOTIFYHUB_DATABASE_URL=empty_database("sqlite"))
    installation.start("--beat")
    installation.wait(lambda: "Waiting for the database" in installation.log.read_text())
    with installation.app.app_context():
        upgrade()
    sms(installation)
    console.journal.wait_for(1, 30)


@pytest.mark.slow
def test_without_a_broker_messages_are_kept_and_go_out_when_it_is_back(
    install: Callable[..., Installation], console: MeliPayamakSimulator
) -> None:
    brokers.broker_url("redis")
    with Proxy(6379) as proxy:
        url = brokers.REDIS.replace(":6379", f":{proxy.port}")
        installation = install(url)
        installation.start("--beat")
        installation.ready()
        sms(installation)
        console.journal.wait_for(1)
        proxy.close()
        sms(installation, 3)
        time.sleep(2)
        assert len(console.journal.messages()) == 1
        proxy.open()
        console.journal.wait_for(4, 60)
        installation.workers[0].terminate()
        installation.workers[0].wait(20)
        with installation.app.app_context():
            queue.publisher().close()
        brokers.delete_queues(brokers.REDIS, installation.variables["NOTIFYHUB_QUEUE_PREFIX"])


def test_two_workers_that_both_keep_the_time_do_no_harm(
    install: Callable[..., Installation], console: MeliPayamakSimulator
) -> None:
    installation = install(brokers.broker_url("rabbitmq"))
    for _ in range(2):
        installation.start("--beat", "--concurrency", "4")
    installation.ready(2)
    ids = sms(installation, 40)
    installation.wait(lambda: installation.statuses() == [Status.DELIVERED] * len(ids))
    assert len(console.journal.messages()) == len(ids)


def test_a_wrong_variable_stops_the_start_with_one_line(install: Callable[..., Installation]) -> None:
    variables = {**os.environ, "NOTIFYHUB_LEASE_SECONDS": "soon"}
    done = subprocess.run(
        COMMAND, cwd=ROOT, env=variables, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 3
    assert done.stderr == "NOTIFYHUB_LEASE_SECONDS must be a whole number of at least 1\n"
