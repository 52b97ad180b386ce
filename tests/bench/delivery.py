"""How fast one worker delivers: `python -m tests.bench.delivery`.

Beside it, in the same run, a bare Celery task posts to the same simulated provider with urllib3 and touches
no database: same pool, same concurrency, same broker. Each is measured by the provider: from the first
message that it accepts to the last. The two take turns, and their medians are compared.
"""
# ruff: noqa: T201 - it is a command

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import psycopg
import urllib3
from flask import Flask
from flask_migrate import upgrade
from kombu import Connection
from sqlalchemy import insert

from notifyhub.app import create_app
from notifyhub.database.base import now
from notifyhub.delivery import due_messages
from notifyhub.extensions import db
from notifyhub.jobs import queues
from notifyhub.jobs.queues import Job
from notifyhub.messages.models import Channel, Message, MessageStatus
from notifyhub.providers.melipayamak import OPT_OUT
from tests.simulators import melipayamak
from tests.support.environment import POSTGRESQL, ROOT
from tests.support.factories import SMSNotifierFactory, WebhookFactory

BOUND = 0.85
DATABASE = "notifyhub_bench_delivery"
PREFIX = "notifyhub-bench"
WORKER = "from notifyhub.cli import main; main()"
RECIPIENT = "+989121234567"
TEXT = "Your login code is 12345"


def main() -> None:
    """Measure, print, and exit with 1 if the bound is not met."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.delivery", description=main.__doc__)
    parser.add_argument("--messages", type=int, default=5000, metavar="N")
    parser.add_argument("--concurrency", type=int, default=32, metavar="N")
    parser.add_argument("--latency", type=float, default=0.05, metavar="SECONDS")
    parser.add_argument("--turns", type=int, default=3, metavar="N")
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="processes")
    parser.add_argument("--broker", default="amqp://guest:guest@127.0.0.1:5672//", metavar="URL")
    parser.add_argument("--beat", action="store_true", help="let our worker schedule the periodic tasks, too")
    parser.add_argument(
        "--bulk", action="store_true", help="let ours be texts that the provider takes a hundred of in a call"
    )
    parser.add_argument(
        "--webhook", metavar="EVENT", help="with an active webhook that asks for EVENT, such as otp.verified"
    )
    given = parser.parse_args()
    rates: dict[str, list[float]] = {"bare": [], "ours": []}
    with (
        tempfile.TemporaryDirectory() as folder,
        simulator(given.latency) as provider,
        database(DATABASE) as url,
    ):
        environment = {
            "NOTIFYHUB_DATABASE_URL": url,
            "NOTIFYHUB_INSTANCE": folder,
            "NOTIFYHUB_BROKER_URL": given.broker,
            "NOTIFYHUB_QUEUE_PREFIX": PREFIX,
            "NOTIFYHUB_MELIPAYAMAK_URL": provider,
        }
        app = create_app(environment)
        options = [f"--concurrency={given.concurrency}"]
        ours = ["-c", WORKER, "worker", *options, *["--beat"] * given.beat]
        bare = ["-m", "tests.bench.bare", provider, *options]
        with app.app_context():
            upgrade()
            if given.webhook:
                WebhookFactory(events=[given.webhook])
            text = f"{TEXT} {OPT_OUT}" if given.bulk else TEXT
            for _ in range(given.turns):
                for name, publish, command in (("bare", publish_bare, bare), ("ours", publish_ours, ours)):
                    publish(given.messages, text)
                    rate, cpu = measure([command] * given.workers, environment, provider, given.messages)
                    rates[name].append(rate)
                    print(f"{name}: {rate:.1f} messages/s, {cpu:.2f} ms CPU each", flush=True)
        delete_queues(app)
    medians = {name: statistics.median(values) for name, values in rates.items()}
    ratio = medians["ours"] / medians["bare"]
    print(
        f"medians: bare {medians['bare']:.1f}/s, ours {medians['ours']:.1f}/s; ratio {ratio:.2f} (≥ {BOUND})"
    )
    sys.exit(ratio < BOUND)


@contextmanager
def simulator(latency: float) -> Iterator[str]:
    """Run a simulated MeliPayamak in a process of its own; give its URL."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.provider", str(latency)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert process.stdout
    try:
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


@contextmanager
def database(name: str) -> Iterator[str]:
    """Make an empty database; give its URL."""
    with psycopg.connect(f"{POSTGRESQL}/postgres", autocommit=True) as server:
        server.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        server.execute(f"CREATE DATABASE {name}")
        yield f"{POSTGRESQL}/{name}"
        server.execute(f"DROP DATABASE {name} WITH (FORCE)")


def publish_ours(count: int, text: str) -> None:
    """Store messages and enqueue them."""
    settings = {"token": melipayamak.TOKEN, "number": melipayamak.NUMBER}
    notifier = SMSNotifierFactory(settings=settings)
    moment = now()
    row = {
        "channel": Channel.SMS,
        "status": MessageStatus.QUEUED,
        "recipient": RECIPIENT,
        "notifier_id": notifier.id,
        "notifier_name": notifier.name,
        "home_notifier_id": notifier.id,
        "text": text,
        "next_attempt_at": moment,
        "expires_at": moment + timedelta(days=1),
    }
    with db.engine.begin() as connection:
        ids = connection.scalars(insert(Message).returning(Message.id), [row] * count).all()
    assert due_messages.enqueue(ids)


def publish_bare(count: int, text: str) -> None:
    """Publish as many calls of the bare task."""
    call = Job("bare.send", [RECIPIENT, text])
    assert queues.publisher().publish([call] * count, "bare")


def measure(
    commands: list[list[str]], environment: dict[str, str], provider: str, count: int
) -> tuple[float, float]:
    """Run workers until the provider has accepted `count` messages.

    Return how many it took a second, and how many milliseconds of the CPU each cost the workers, from the
    first ones on.
    """
    control = provider.removesuffix("/api") + "/_control"
    http = urllib3.PoolManager()
    http.request("DELETE", f"{control}/messages")
    processes = [
        subprocess.Popen(
            [sys.executable, *command], env={**os.environ, **environment}, cwd=ROOT, stderr=subprocess.DEVNULL
        )
        for command in commands
    ]
    try:
        deadline = time.monotonic() + 120
        accepted = first = 0
        before = 0.0
        while accepted < count:
            time.sleep(1 if first else 0.1)
            accepted = sum(http.request("GET", f"{control}/counts").json().values())
            if accepted and not first:
                first, before = accepted, sum(map(cpu_seconds, processes))
            if time.monotonic() > deadline or any(process.poll() is not None for process in processes):
                sys.exit(f"{accepted} of {count} messages; the workers: {[one.poll() for one in processes]}")
        cpu = sum(map(cpu_seconds, processes)) - before
        moments = [message["at"] for message in http.request("GET", f"{control}/messages").json()]
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait()
    return (len(moments) - 1) / (max(moments) - min(moments)), cpu / max(count - first, 1) * 1000


def cpu_seconds(process: "subprocess.Popen[bytes]") -> float:
    """Return how much of the CPU a process has had (proc(5): utime and stime)."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def delete_queues(app: Flask) -> None:
    """Leave nothing at the broker."""
    with Connection(app.config["BROKER_URL"]) as connection:
        for name in (*queues.QUEUES, "bare"):
            queues.named_queue(app.config["QUEUE_PREFIX"], name)(connection.default_channel).delete()


if __name__ == "__main__":
    main()
