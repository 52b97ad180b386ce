"""How fast one-time passwords are: `python -m tests.bench.otp`.

Pairs of issuing and verifying a code over HTTP, beside creating two patterns; then the time from a request
to the provider's receiving the code, at rest and behind a bulk of messages: with RabbitMQ on PostgreSQL, and
with the embedded default.
"""
# ruff: noqa: T201 - it is a command

import argparse
import itertools
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import urllib3
from flask_migrate import upgrade

from notifyhub.app import create_app
from notifyhub.auth.accounts import issue_token
from notifyhub.extensions import db
from notifyhub.settings.models import NotificationSettings
from tests.bench.delivery import WORKER, database, delete_queues, simulator
from tests.simulators import melipayamak
from tests.support.databases import dispose
from tests.support.environment import ENCRYPTION_KEY, ROOT, SECRET_KEY
from tests.support.factories import SMSNotifierFactory, UserFactory
from tests.support.processes import start_gunicorn, stop

OTP = "/api/notifications/otp"
BULK = "/api/notifications/messages/bulk"
RABBITMQ = "amqp://guest:guest@127.0.0.1:5672//"
DATABASE = "notifyhub_bench_otp"
PREFIX = "notifyhub-bench-otp"
CLIENTS = 8
SERVER = ("-w2", "-k", "gthread", "--threads", "4")

LEAST_RATIO = 0.5
MOST_AT_REST = {"rabbitmq": 0.060, "embedded": 0.150}
"""Seconds, of the median."""
MOST_BEHIND_BULK = 1.0
"""Seconds, of 99 in 100."""
LATENCY = 0.05
"""Seconds that the provider takes for each message of the bulk."""
PAUSE = 0.1


@dataclass(frozen=True)
class Installation:
    """A service over HTTP, with a provider that is simulated."""

    url: str
    provider: str
    notifier: int
    live: str
    test: str
    http: urllib3.PoolManager

    def post(self, path: str, body: Any, token: str) -> Any:
        answer = self.http.request(
            "POST", self.url + path, json=body, headers={"Authorization": f"Token {token}"}
        )
        if answer.status not in {200, 201}:
            sys.exit(f"{answer.status} for {path}: {answer.data.decode()}")
        return answer.json()

    def received(self) -> dict[str, float]:
        """Return when the provider received the first message for each recipient."""
        messages = self.http.request("GET", f"{self.control}/messages").json()
        return {message["recipient"]: message["at"] for message in reversed(messages)}

    @property
    def control(self) -> str:
        return self.provider.removesuffix("/api") + "/_control"


@contextmanager
def installation(broker: str, latency: float, *, worker: bool) -> Iterator[Installation]:
    """Serve an empty database: PostgreSQL with RabbitMQ, SQLite with the folder."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        provider = stack.enter_context(simulator(latency))
        variables = {
            "NOTIFYHUB_INSTANCE": folder,
            "NOTIFYHUB_SECRET_KEY": SECRET_KEY,
            "NOTIFYHUB_ENCRYPTION_KEYS": ENCRYPTION_KEY,
            "NOTIFYHUB_QUEUE_PREFIX": PREFIX,
            "NOTIFYHUB_MELIPAYAMAK_URL": provider,
        }
        if broker == "rabbitmq":
            url = stack.enter_context(database(DATABASE))
            variables |= {"NOTIFYHUB_DATABASE_URL": url, "NOTIFYHUB_BROKER_URL": RABBITMQ}
        app = create_app(variables)
        stack.callback(dispose, app)
        if broker == "rabbitmq":
            stack.callback(delete_queues, app)
        with app.app_context():
            upgrade()
            user = UserFactory()
            live, test = (issue_token(db.session(), user, None, test=test) for test in (False, True))
            settings = {"token": melipayamak.TOKEN, "number": melipayamak.NUMBER}
            notifier = SMSNotifierFactory(settings=settings).id
            db.session.merge(NotificationSettings(id=1, sms_notifier_id=notifier))
            db.session.commit()
        server = start_gunicorn(variables, Path(folder) / "gunicorn.log", *SERVER)
        stack.callback(stop, server.process)
        if worker:
            stack.enter_context(delivering(variables, Path(folder) / "worker.log"))
        http = urllib3.PoolManager(maxsize=CLIENTS)
        yield Installation(server.url, provider, notifier, live, test, http)


@contextmanager
def delivering(variables: dict[str, str], log: Path) -> Iterator[None]:
    """Run a worker, as `notifyhub up` does."""
    with log.open("w") as output:
        worker = subprocess.Popen(
            [sys.executable, "-c", WORKER, "worker", "--beat"],
            cwd=ROOT,
            env={**os.environ, **variables},
            stdout=output,
            stderr=output,
            text=True,
        )
    try:
        while "The worker is ready" not in log.read_text():
            if worker.poll() is not None:
                sys.exit(log.read_text())
            time.sleep(0.1)
        yield
    finally:
        stop(worker)


def rate(act: Callable[[int], None], numbers: Iterator[int], count: int) -> float:
    """Return how often a second some clients do something, one after the other each."""
    with ThreadPoolExecutor(CLIENTS) as pool:
        began = time.perf_counter()
        list(pool.map(act, itertools.islice(numbers, count)))
        return count / (time.perf_counter() - began)


def beside(acts: dict[str, Callable[[int], None]], count: int, turns: int, least: float) -> bool:
    """Measure two acts by turns, print their medians; tell whether the first's is at least so many times the
    second's.
    """
    numbers = itertools.count()
    rates: dict[str, list[float]] = {name: [] for name in acts}
    for turn in range(turns + 1):
        for name, act in acts.items():
            measured = rate(act, numbers, count)
            if turn:  # the first one warms up
                rates[name].append(measured)
    ours, theirs = (statistics.median(values) for values in rates.values())
    shown = ", ".join(f"{name}: {statistics.median(values):.0f}/s" for name, values in rates.items())
    print(f"{shown}; ratio {ours / theirs:.2f} (≥ {least})", flush=True)
    return ours / theirs >= least


def pairs(given: argparse.Namespace) -> bool:
    """Measure pairs of requests by turns; tell whether the bound is met."""
    with installation("rabbitmq", 0, worker=False) as service:
        patterns = f"/api/notifications/notifiers/sms/{service.notifier}/patterns"

        def codes(number: int) -> None:
            to = f"0912{number:07}"
            code = service.post(OTP, {"to": to}, service.test)["code"]
            if not service.post(f"{OTP}/verify", {"to": to, "code": code}, service.test)["verified"]:
                sys.exit("A right code was not verified.")

        def two_patterns(number: int) -> None:
            for name in ("a", "b"):
                body = {"name": f"{name}-{number}", "code": "1", "body": "Your login code is {0}"}
                service.post(patterns, body, service.live)

        return beside(
            {"issue + verify": codes, "two patterns": two_patterns}, given.pairs, given.turns, LEAST_RATIO
        )


def delays(service: Installation, numbers: range, latency: float = 0) -> list[float]:
    """Ask for codes, one after the other; return how long each took to the provider, in order of length."""
    asked = {}
    for number in numbers:
        to = f"0935{number:07}"
        asked[to] = time.time()
        service.post(OTP, {"to": to}, service.live)
        time.sleep(PAUSE)
    deadline = time.monotonic() + 60
    while set(asked) - set(received := service.received()):
        if time.monotonic() > deadline:
            sys.exit(f"{len(set(asked) - set(received))} of {len(asked)} codes did not arrive")
        time.sleep(0.5)
    return sorted(received[to] - at - latency for to, at in asked.items())


def at_rest(broker: str, given: argparse.Namespace) -> bool:
    """Measure codes that nothing else is in the way of; tell whether the bound is met."""
    with installation(broker, 0, worker=True) as service:
        delays(service, range(5))
        taken = delays(service, range(5, 5 + given.codes))
    return within(f"{broker}, at rest", taken, 0.5, MOST_AT_REST[broker])


def behind_bulk(broker: str, given: argparse.Namespace) -> bool:
    """Measure codes while a worker has a bulk of messages to send; tell whether the bound is met."""
    with installation(broker, LATENCY, worker=True) as service:
        delays(service, range(5))
        for first in range(0, given.bulk, 1000):
            recipients = [
                {"to": f"0912{number:07}"} for number in range(first, min(first + 1000, given.bulk))
            ]
            common = {"channel": "sms", "text": "Your order is on its way."}
            service.post(BULK, {"common": common, "recipients": recipients}, service.live)
        taken = delays(service, range(5, 5 + given.codes), LATENCY)
        left = given.bulk + len(taken) + 5 - len(service.received())
    if not left:
        sys.exit(f"{broker}: the bulk was too small, it was sent before the last code")
    return within(f"{broker}, behind {given.bulk} messages ({left} left)", taken, 0.99, MOST_BEHIND_BULK)


def within(where: str, taken: list[float], quantile: float, most: float) -> bool:
    """Print how long codes took; tell whether a quantile is within a bound."""
    p50, p99 = (taken[round(share * (len(taken) - 1))] for share in (0.5, 0.99))
    shown = ", ".join(f"{name} {1000 * took:.0f} ms" for name, took in (("p50", p50), ("p99", p99)))
    print(f"{where}: {shown} (p{quantile * 100:.0f} ≤ {most * 1000:.0f} ms)", flush=True)
    return (p50 if quantile == 0.5 else p99) <= most


def main() -> None:
    """Measure, print, and exit with 1 if a bound is not met."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.otp", description=main.__doc__)
    parser.add_argument("--pairs", type=int, default=500, metavar="N")
    parser.add_argument("--turns", type=int, default=3, metavar="N")
    parser.add_argument("--codes", type=int, default=100, metavar="N")
    parser.add_argument("--bulk", type=int, default=10_000, metavar="N")
    given = parser.parse_args()
    met = [pairs(given)]
    for broker in MOST_AT_REST:
        met += [at_rest(broker, given), behind_bulk(broker, given)]
    sys.exit(not all(met))


if __name__ == "__main__":
    main()
