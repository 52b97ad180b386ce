"""Restarts of each part under load: nobody notices, but for the database's, which each client is told of."""

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from flask_migrate import upgrade

from notifyhub.app import create_app
from notifyhub.auth.accounts import issue_token
from notifyhub.extensions import db
from notifyhub.settings.models import DeliverySettings
from tests.reliability.accounts import outcomes, sent_without_need, wait_until_all_are_sent
from tests.simulators import MeliPayamakSimulator, melipayamak
from tests.support.databases import dispose
from tests.support.environment import ENCRYPTION_KEY, SECRET_KEY, program
from tests.support.factories import SMSNotifierFactory, UserFactory
from tests.support.load import MESSAGES, Callers, messages_to
from tests.support.processes import Server, children, start_gunicorn, stop
from tests.support.servers import (
    Broker,
    PostgreSQLServer,
    RabbitMQServer,
    RedisServer,
    connections_to,
    postgresql,
)
from tests.support.service import Service, processes_of, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

PER_SECOND = 40
DOWN_SECONDS = 3
LONGEST_REFUSAL = 10.0
"""Seconds within which a client is told that the database is away: what comes later counts as no answer."""
READERS = 4
LEASE = 4


class Installation:
    """An API of two processes, two workers, database and broker of the test's own, a simulated provider."""

    def __init__(
        self, folder: Path, database: PostgreSQLServer, broker: Broker, console: MeliPayamakSimulator
    ) -> None:
        self.folder, self.database, self.broker, self.console = folder, database, broker, console
        self.variables = {
            "TESTED_INSTALLATION": str(folder),
            "NOTIFYHUB_DATABASE_URL": database.url,
            "NOTIFYHUB_BROKER_URL": self.broker.url,
            "NOTIFYHUB_INSTANCE": str(folder / "instance"),
            "NOTIFYHUB_SECRET_KEY": SECRET_KEY,
            "NOTIFYHUB_ENCRYPTION_KEYS": ENCRYPTION_KEY,
            "NOTIFYHUB_MELIPAYAMAK_URL": console.url,
            "NOTIFYHUB_LEASE_SECONDS": str(LEASE),
        }
        self.app = create_app({name: self.variables[name] for name in self.variables if "NOTIFYHUB" in name})
        with self.app.app_context():
            upgrade()
            self.key = issue_token(db.session(), UserFactory(), None, test=False)
            settings = {"token": melipayamak.TOKEN, "number": melipayamak.NUMBER}
            self.notifier: int = SMSNotifierFactory(settings=settings).id
            db.session.merge(DeliverySettings(id=1, max_attempts=50, retry_delays=[1]))
            db.session.commit()
        self.workers: list[Service] = []
        for _ in range(2):
            self.start_worker()
        options = (
            "-w2",
            "--threads=4",
            "-knotifyhub.process.server.Worker",
            "--no-control-socket",
            "--timeout=120",
        )
        self.server: Server = start_gunicorn(self.variables, folder / "gunicorn.log", *options)
        self.workers[0].port = self.server.port
        self.workers[0].wait_until_it_serves()

    def start_worker(self) -> None:
        folder = self.folder / f"worker-{time.monotonic_ns()}"
        folder.mkdir()
        self.workers.append(Service(folder, self.variables, "worker", "--beat"))
        self.workers[-1].wait_until_it_delivers(90)

    def restart_api(self) -> None:
        """Have gunicorn replace its processes, and return when the old ones have ended."""
        arbiter = self.server.process.pid
        old = children(arbiter)
        self.server.process.send_signal(signal.SIGHUP)
        until(lambda: not children(arbiter) & old, "the old ones have ended", 90)

    def kill_worker(self) -> None:
        """Kill the older worker, and start another one."""
        killed = self.workers.pop(0).process
        killed.kill()
        killed.wait()
        self.start_worker()

    def restart_broker(self) -> None:
        self.broker.stop()
        time.sleep(DOWN_SECONDS)
        self.broker.start()

    def callers(self, patience: float = 30) -> Callers:
        """Return clients who send messages, each to a recipient of its own."""
        call = messages_to(self.notifier)
        return Callers(self.server.port, self.key, call, per_second=PER_SECOND, patience=patience)

    def check_messages(self, accepted: list[str], refused: set[str]) -> None:
        """Wait for all to be sent; all that were accepted are, none of them twice without need.

        Of one that was refused as the database went away nobody knows whether it was stored.
        """
        with self.app.app_context():
            wait_until_all_are_sent(60)
            attempts = outcomes()
        received = self.console.journal.counts()
        assert set(accepted) - set(received) == set()
        assert set(received) - set(accepted) <= refused
        assert sent_without_need(received, attempts) == {}

    def stop(self) -> None:
        """Stop all but the servers, on which no connection is left then."""
        dispose(self.app)
        for each in self.workers:
            stop(each.process)
        stop(self.server.process)


@pytest.fixture
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Broker]:
    """A broker of a class of its own, Redis where the test names none."""
    started: Broker = getattr(request, "param", RedisServer)(tmp_path)
    yield started
    started.stop()


@pytest.fixture
def installation(tmp_path: Path, broker: Broker) -> Iterator[Installation]:
    with postgresql() as database, MeliPayamakSimulator() as console:
        console.latency = 0.02
        try:
            made = Installation(tmp_path, database, broker, console)
            yield made
            made.stop()
        finally:
            for left in processes_of(f"TESTED_INSTALLATION={tmp_path}"):
                os.kill(left, signal.SIGKILL)


@contextmanager
def readers(installation: Installation) -> Iterator[Callable[[], str]]:
    """Have wrk read lists as fast as it can; give a function that stops it and returns its report."""
    command = [program("wrk"), "-t1", f"-c{READERS}", "-d300", "--timeout=30"]
    header = f"--header=Authorization: Token {installation.key}"
    url = f"{installation.server.url}{MESSAGES}?limit=5"
    process = subprocess.Popen([*command, header, url], stdout=subprocess.PIPE, text=True)

    def report() -> str:
        process.send_signal(signal.SIGINT)
        return process.communicate(timeout=60)[0]

    try:
        yield report
    finally:
        stop(process)


@pytest.mark.parametrize("broker", [RedisServer, RabbitMQServer], indirect=True)
def test_no_request_fails_while_api_workers_and_broker_restart(installation: Installation) -> None:
    deeds = (installation.restart_api, installation.kill_worker, installation.restart_broker)
    with readers(installation) as report, installation.callers() as callers:
        for restart in deeds * 2:
            time.sleep(1)
            restart()
            time.sleep(1)
        callers.stop()
        read = report()
    assert callers.refused == []
    assert re.search(r"\d+ requests in ", read)
    assert "Socket errors" not in read
    assert "Non-2xx" not in read
    assert len(callers.accepted) > PER_SECOND
    installation.check_messages(callers.accepted, set())
    log = (installation.folder / "gunicorn.log").read_text()
    assert "The broker can't be reached" in log
    assert "Traceback" not in log
    check_nothing_is_left(installation)


def test_while_the_database_restarts_each_client_is_told_soon_and_afterwards_all_goes_on(
    installation: Installation,
) -> None:
    database = installation.database
    away: list[tuple[float, float, float, float]] = []
    with installation.callers(patience=LONGEST_REFUSAL) as callers:
        for mode in ("fast", "immediate"):
            time.sleep(2)
            told = time.time()
            database.stop(mode)
            stopped = time.time()
            time.sleep(DOWN_SECONDS)
            started = time.time()
            database.start()
            away.append((told, stopped, started, time.time()))
        time.sleep(3)
        callers.stop()
    for _, stopped, started, _ in away:
        meanwhile = [one for one in callers.answers if stopped < one.at and one.at + one.seconds < started]
        assert {one.status for one in meanwhile} == {503}
    refused = callers.refused
    assert [
        one
        for one in refused
        if not any(told < one.at + one.seconds and one.at < back for told, _, _, back in away)
    ] == []
    assert {(one.status, one.retry_after is not None) for one in refused} == {(503, True)}
    installation.check_messages(callers.accepted, {one.recipient for one in refused})
    assert "Traceback" not in (installation.folder / "gunicorn.log").read_text()
    check_nothing_is_left(installation)


def check_nothing_is_left(installation: Installation) -> None:
    """Stop it: no process of it lives, and neither the database nor the broker has a client."""
    installation.stop()
    assert processes_of(f"TESTED_INSTALLATION={installation.folder}") == set()
    for server in (installation.database, installation.broker):
        until(lambda port=server.port: connections_to(port) == 0, "no connection is left")  # type: ignore[misc]
