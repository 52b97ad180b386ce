"""What processes cost: `python -m tests.bench.processes --broker URL --api N --workers N`.

So many API processes (gunicorn with the service's worker) take messages from wrk on an empty PostgreSQL
database while nothing delivers; then so many workers deliver them to a simulated provider. For each of the
two it prints messages a second, milliseconds of the CPU for a message in the processes and in the database,
transactions for a message, and connections. Rates are of this machine; milliseconds and transactions last.
"""
# ruff: noqa: T201 - it is a command

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg
import urllib3
from flask_migrate import upgrade

from notifyhub.app import create_app
from notifyhub.auth.accounts import issue_token
from notifyhub.extensions import db
from notifyhub.settings.models import NotificationSettings
from tests.bench.delivery import WORKER, database, delete_queues, simulator
from tests.simulators import melipayamak
from tests.support.databases import dispose
from tests.support.environment import ENCRYPTION_KEY, POSTGRESQL, ROOT, SECRET_KEY, program
from tests.support.factories import SMSNotifierFactory, UserFactory
from tests.support.pgbouncer import pgbouncer
from tests.support.processes import start_gunicorn, stop

DATABASE = "notifyhub_bench_processes"
PREFIX = "notifyhub-bench-processes"
SERVER = ("-k", "notifyhub.process.server.Worker", "--threads", "8", "--no-control-socket")
CLIENTS_PER_PROCESS = 8
PATIENCE_SECONDS = 180
POST = """
wrk.method = "POST"
wrk.body = '{"channel": "sms", "to": "09121234567", "text": "Your order is on its way."}'
"""


def main() -> None:
    """Measure accepting and delivering, and print a line for each."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.processes", description=main.__doc__)
    parser.add_argument("--broker", default="amqp://guest:guest@127.0.0.1:5672//", metavar="URL")
    parser.add_argument("--api", type=int, default=2, metavar="N", help="API processes")
    parser.add_argument("--workers", type=int, default=2, metavar="N", help="worker processes")
    parser.add_argument("--seconds", type=int, default=10, metavar="N", help="of accepting")
    parser.add_argument("--latency", type=float, default=0.05, metavar="SECONDS", help="of the provider")
    parser.add_argument("--pgbouncer", action="store_true", help="between them and PostgreSQL")
    given = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        provider = stack.enter_context(simulator(given.latency))
        url = stack.enter_context(database(DATABASE))
        if given.pgbouncer:
            url = stack.enter_context(pgbouncer(folder, url))
        variables = {
            "NOTIFYHUB_DATABASE_URL": url,
            "NOTIFYHUB_INSTANCE": str(folder),
            "NOTIFYHUB_BROKER_URL": given.broker,
            "NOTIFYHUB_QUEUE_PREFIX": PREFIX,
            "NOTIFYHUB_SECRET_KEY": SECRET_KEY,
            "NOTIFYHUB_ENCRYPTION_KEYS": ENCRYPTION_KEY,
            "NOTIFYHUB_MELIPAYAMAK_URL": provider,
        }
        token = prepare(stack, variables)
        accepted = accept(folder, variables, token, given)
        deliver(folder, variables, provider, accepted, given.workers)


def prepare(stack: ExitStack, variables: dict[str, str]) -> str:
    """Migrate the database and make a notifier the default; return a token."""
    app = create_app(variables)
    stack.callback(delete_queues, app)
    with app.app_context():
        upgrade()
        settings = {"token": melipayamak.TOKEN, "number": melipayamak.NUMBER}
        notifier = SMSNotifierFactory(settings=settings).id
        db.session.merge(NotificationSettings(id=1, sms_notifier_id=notifier))
        token = issue_token(db.session(), UserFactory(), None, test=False)
        db.session.commit()
    dispose(app)
    return token


def accept(folder: Path, variables: dict[str, str], token: str, given: argparse.Namespace) -> int:
    """Have messages posted for some seconds; return how many were accepted."""
    script = folder / "post.lua"
    script.write_text(POST)
    server = start_gunicorn(variables, folder / "gunicorn.log", f"-w{given.api}", *SERVER)
    clients = CLIENTS_PER_PROCESS * given.api
    headers = ("-H", f"Authorization: Token {token}", "-H", "Content-Type: application/json")
    wrk = [program("wrk"), "-t1", f"-c{clients}", f"-s{script}", *headers]
    address = f"{server.url}/api/notifications/messages"
    try:
        urllib3.request("GET", f"{server.url}/healthz", timeout=PATIENCE_SECONDS)
        warm = subprocess.run([*wrk, "-d3s", address], check=True, text=True, capture_output=True).stdout
        with costs("accepting", [server.process.pid]) as measured:
            began = time.monotonic()
            out = subprocess.run(
                [*wrk, f"-d{given.seconds}s", address], check=True, text=True, capture_output=True
            )
            measured.append((count(out.stdout), time.monotonic() - began))
        return count(warm) + count(out.stdout)
    finally:
        stop(server.process)


@contextmanager
def costs(what: str, pids: list[int]) -> Iterator[list[tuple[int, float]]]:
    """Print what the messages cost whose number, and seconds, the block puts into the list."""
    measured: list[tuple[int, float]] = []
    with psycopg.connect(f"{POSTGRESQL}/postgres", autocommit=True) as server:

        def state() -> tuple[float, float, int, int]:
            rows = server.execute(
                "SELECT pid FROM pg_stat_activity WHERE datname = %s", [DATABASE]
            ).fetchall()
            query = "SELECT xact_commit FROM pg_stat_database WHERE datname = %s"
            (transactions,) = server.execute(query, [DATABASE]).fetchone() or (0,)
            backends = [pid for (pid,) in rows]
            return (
                sum(map(cpu_seconds, family(pids))),
                sum(map(cpu_seconds, backends)),
                transactions,
                len(rows),
            )

        before = state()
        yield measured
        after = state()
    (number, seconds) = measured[0]
    own, database_, transactions = (
        (now - then) / number for now, then in zip(after[:3], before[:3], strict=True)
    )
    print(
        f"{what}: {number} messages, {number / seconds:.0f}/s; each {1000 * own:.2f} ms CPU of the processes,"
        f" {1000 * database_:.2f} ms of the database, {transactions:.2f} transactions;"
        f" {after[3]} connections; load {os.getloadavg()[0]:.1f}",
        flush=True,
    )


def family(pids: list[int]) -> list[int]:
    """Return processes and their children."""
    children = [
        int(child)
        for pid in pids
        for file in Path(f"/proc/{pid}/task").glob("*/children")
        for child in file.read_text().split()
    ]
    return [*pids, *children]


def cpu_seconds(pid: int) -> float:
    """Return how much of the CPU a process has had; 0 if it is gone (proc(5): utime and stime)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def count(report: str) -> int:
    """Return how many requests wrk's report counts; all must have been answered with success."""
    if bad := re.search(r"Non-2xx or 3xx responses: .*|Socket errors: .*", report):
        sys.exit(bad[0])
    return int(re.findall(r"(\d+) requests in", report)[0])


def deliver(folder: Path, variables: dict[str, str], provider: str, accepted: int, workers: int) -> None:
    """Have workers deliver what was accepted."""
    http, control = urllib3.PoolManager(), provider.removesuffix("/api") + "/_control"

    def received() -> int:
        return sum(http.request("GET", f"{control}/counts").json().values())

    started = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, "worker", *["--beat"] * (not number)],
            cwd=ROOT,
            env={**os.environ, **variables},
            stderr=subprocess.DEVNULL,
            text=True,
        )
        for number in range(workers)
    ]
    deadline = time.monotonic() + PATIENCE_SECONDS
    try:
        while not (first := received()):
            time.sleep(0.05)
        with costs("delivering", [one.pid for one in started]) as measured:
            began = time.monotonic()
            while (done := received()) < accepted:
                if time.monotonic() > deadline:
                    sys.exit(f"{done} of {accepted} messages were delivered")
                time.sleep(0.25)
            measured.append((done - first, time.monotonic() - began))
    finally:
        for one in started:
            one.terminate()
        for one in started:
            stop(one)


if __name__ == "__main__":
    main()
