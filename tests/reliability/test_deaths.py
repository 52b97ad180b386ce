"""Every message goes out, whatever dies in between: real workers, RabbitMQ and PostgreSQL.

`TEST_RELIABILITY_MESSAGES=10000 pytest -m slow -s tests/reliability` runs it at length.
"""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from flask import Flask
from flask_migrate import upgrade
from sqlalchemy import insert

from notifyhub.app import create_app
from notifyhub.database.base import now
from notifyhub.delivery import due_messages
from notifyhub.extensions import db
from notifyhub.jobs import queues
from notifyhub.messages.models import Channel, Message, MessageStatus, Outcome
from notifyhub.notifiers.models import SMSNotifier
from notifyhub.providers.melipayamak import OPT_OUT
from notifyhub.settings.models import DeliverySettings
from tests.reliability.accounts import outcomes, sent_without_need, wait_until_all_are_sent
from tests.reliability.proxy import Proxy
from tests.simulators import MeliPayamakSimulator, melipayamak
from tests.support import brokers
from tests.support.databases import dispose
from tests.support.environment import ENCRYPTION_KEY, POSTGRESQL, ROOT, SECRET_KEY
from tests.support.factories import SMSNotifierFactory

MESSAGES = int(os.environ.get("TEST_RELIABILITY_MESSAGES", "1000"))
WORKERS = 5
PER_SECOND = 50
"""Messages that are enqueued, so that many are on their way whenever something dies."""
LIST = 100
"""Messages in a job."""
KILLED_EVERY = 1.0
BROKER_CUT_EVERY = 3.0
DATABASE_CUT_EVERY = 4.0
AWAY = 0.5
"""Seconds for which a server that was cut off stays away."""
LEASE = 4
CONCURRENCY = 16
IN_FLIGHT = 2 * CONCURRENCY + CONCURRENCY // 4
"""Calls that a worker has begun and not yet written, at most."""


class Workers:
    """Worker processes, by their ids; one that is killed is replaced at once."""

    def __init__(self, variables: dict[str, str], log: Path) -> None:
        self.kills = 0
        self.running: list[int] = []
        with log.open("wb") as output:
            self.nest = subprocess.Popen(
                [sys.executable, "-m", "tests.reliability.nest"],
                cwd=ROOT,
                env={**os.environ, **variables},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                text=True,
            )

    def start(self) -> None:
        assert self.nest.stdin
        assert self.nest.stdout
        self.nest.stdin.write(f"--beat --concurrency {CONCURRENCY}\n")
        self.nest.stdin.flush()
        self.running.append(int(self.nest.stdout.readline()))

    def replace_oldest(self) -> None:
        os.kill(self.running.pop(0), signal.SIGKILL)
        self.kills += 1
        self.start()

    def stop(self) -> None:
        for worker in self.running:
            os.kill(worker, signal.SIGKILL)
        self.nest.communicate()


@pytest.fixture
def console() -> Iterator[MeliPayamakSimulator]:
    with MeliPayamakSimulator() as simulator:
        simulator.latency = 0.02
        yield simulator


@pytest.fixture
def broker() -> Iterator[Proxy]:
    with Proxy(urlsplit(brokers.broker_url("rabbitmq")).port or 5672) as proxy:
        yield proxy


@pytest.fixture
def database() -> Iterator[Proxy]:
    with Proxy(urlsplit(POSTGRESQL).port or 5432) as proxy:
        yield proxy


@pytest.fixture
def installation(
    empty_database: Callable[[str], str],
    broker: Proxy,
    database: Proxy,
    console: MeliPayamakSimulator,
    tmp_path: Path,
) -> Iterator[tuple[Flask, dict[str, str]]]:
    """An application that talks to the servers themselves, and variables that lead through the proxies."""
    direct = empty_database("postgresql")
    variables = {
        "NOTIFYHUB_DATABASE_URL": direct,
        "NOTIFYHUB_BROKER_URL": brokers.RABBITMQ,
        "NOTIFYHUB_QUEUE_PREFIX": brokers.prefix(),
        "NOTIFYHUB_INSTANCE": str(tmp_path),
        "NOTIFYHUB_SECRET_KEY": SECRET_KEY,
        "NOTIFYHUB_ENCRYPTION_KEYS": ENCRYPTION_KEY,
        "NOTIFYHUB_MELIPAYAMAK_URL": console.url,
        "NOTIFYHUB_LEASE_SECONDS": str(LEASE),
    }
    app = create_app(variables)
    with app.app_context():
        upgrade()
    proxied = {
        "NOTIFYHUB_DATABASE_URL": direct.replace(f":{database.target}", f":{database.port}"),
        "NOTIFYHUB_BROKER_URL": brokers.RABBITMQ.replace(f":{broker.target}", f":{broker.port}"),
    }
    yield app, {**variables, **proxied}
    with app.app_context():
        queues.publisher().close()
    dispose(app)
    brokers.delete_queues(brokers.RABBITMQ, variables["NOTIFYHUB_QUEUE_PREFIX"])


def store(count: int, batch_size: int) -> list[int]:
    """Store messages, each to a number of its own, of which so many share a call."""
    settings = {"token": melipayamak.TOKEN, "number": melipayamak.NUMBER}
    notifier: SMSNotifier = SMSNotifierFactory(settings=settings)
    moment = now()
    rows = [
        {
            "channel": Channel.SMS,
            "status": MessageStatus.QUEUED,
            "recipient": f"+98912{number:07}",
            "notifier_id": notifier.id,
            "notifier_name": notifier.name,
            "home_notifier_id": notifier.id,
            "text": f"Your order is on its way. {OPT_OUT}",
            "next_attempt_at": moment,
            "expires_at": moment + timedelta(days=1),
        }
        for number in range(count)
    ]
    hard = {"max_attempts": 50, "retry_delays": [1], "sms_batch_size": batch_size}
    db.session.merge(DeliverySettings(id=1, **hard))
    ids = list(db.session.scalars(insert(Message).returning(Message.id), rows))
    db.session.commit()
    return ids


@contextmanager
def chaos(workers: Workers, broker: Proxy, database: Proxy) -> Iterator[None]:
    """Kill workers and cut connections until the block ends."""
    over = threading.Event()

    def every(seconds: float, act: Callable[[], None]) -> None:
        while not over.wait(seconds * random.uniform(0.8, 1.2)):
            act()

    def cut(proxy: Proxy) -> None:
        proxy.close()
        time.sleep(AWAY)
        proxy.open()

    deeds: list[tuple[float, Callable[[], None]]] = [
        (KILLED_EVERY, workers.replace_oldest),
        (BROKER_CUT_EVERY, lambda: cut(broker)),
        (DATABASE_CUT_EVERY, lambda: cut(database)),
    ]
    threads = [threading.Thread(target=every, args=deed) for deed in deeds]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()
        workers.stop()


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("batch_size", [1, 10])
def test_every_message_goes_out_while_workers_are_killed_and_connections_cut(
    batch_size: int,
    installation: tuple[Flask, dict[str, str]],
    broker: Proxy,
    database: Proxy,
    console: MeliPayamakSimulator,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    app, variables = installation
    workers = Workers(variables, tmp_path / "workers.log")
    with app.app_context():
        ids = store(MESSAGES, batch_size)
        for _ in range(WORKERS):
            workers.start()
        due_messages.enqueue(ids[:1])
        console.journal.wait_for(1, 60)
        started = time.monotonic()
        with chaos(workers, broker, database):
            for at in range(1, len(ids), LIST):
                due_messages.enqueue(ids[at : at + LIST])
                time.sleep(LIST / PER_SECOND)
            wait_until_all_are_sent(60 + MESSAGES / 20)
        seconds = time.monotonic() - started
        attempts = outcomes()
    received = console.journal.counts()
    by_outcome: Counter[str | None] = Counter()
    for (_, outcome), count in attempts.items():
        by_outcome[outcome] += count
    with capsys.disabled():
        sys.stdout.write(
            f"\n{MESSAGES} messages, {batch_size} in a call, in {seconds:.0f} s; "
            f"{workers.kills} workers killed; connections cut: {broker.cuts} to the broker, "
            f"{database.cuts} to the database\n"
            f"attempts: {dict(by_outcome)}; {len(received)} recipients were reached, of whom "
            f"{sum(count > 1 for count in received.values())} got more than one\n"
        )
    assert len(received) == MESSAGES
    assert sent_without_need(received, attempts) == {}
    assert by_outcome[None] == 0
    # A worker that is killed, or whose database is away, leaves no more in doubt than it had under way.
    deaths = workers.kills + database.cuts * WORKERS
    assert by_outcome[Outcome.UNCERTAIN] <= deaths * IN_FLIGHT * batch_size
    assert by_outcome[Outcome.ACCEPTED] >= MESSAGES - by_outcome[Outcome.UNCERTAIN]
    assert workers.kills >= 5
    assert broker.cuts > 0
    assert database.cuts > 0
