"""The upgrade of a version that is in use, as the README says: its database while it serves, then SIGHUP."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import NullPool, create_engine, text

from tests.process.conftest import add_notifier
from tests.simulators import MeliPayamakSimulator
from tests.support.environment import ENCRYPTION_KEY, ROOT, SECRET_KEY
from tests.support.load import Callers, messages_to
from tests.support.processes import Server, children, start_gunicorn
from tests.support.service import Service, processes_of, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

FIRST_OF_LATER = "migrations/versions/0019_pattern_of_mails_with_codes.py"
"""The migration that the older version, the last one before, does not have."""
CODE = ("notifyhub", "migrations", "wsgi.py")
PER_SECOND = 40
PATIENCE = 90
"""Seconds after which a client gives up. gunicorn ends the old processes while the new ones yet begin."""


@pytest.fixture(scope="session")
def older(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The code of the older version, from the project's history."""
    if not (ROOT / ".git").exists() or git("rev-parse", "--is-shallow-repository").strip() != b"false":
        pytest.skip("the project's history, from which an older version is taken, is not here")
    added = ("log", "--first-parent", "-m", "-1", "--diff-filter=A", "--format=%H", "--", FIRST_OF_LATER)
    commit = git(*added).decode().strip()
    folder = tmp_path_factory.mktemp("older")
    subprocess.run(["tar", "-x"], cwd=folder, input=git("archive", f"{commit}^", *CODE), check=True)
    return folder


def git(*words: str) -> bytes:
    return subprocess.run(["git", *words], cwd=ROOT, check=True, capture_output=True).stdout


class Checkout:
    """A folder that programs are started from; `update` puts other code into it, as an operator does."""

    def __init__(self, place: Path, code: Path) -> None:
        self.place = place
        place.mkdir()
        self.update(code)

    def update(self, code: Path) -> None:
        for name in CODE:
            new = self.place / f"{name}.new"
            new.symlink_to(code / name)
            new.rename(self.place / name)


@pytest.fixture
def checkout(older: Path, tmp_path: Path) -> Checkout:
    return Checkout(tmp_path / "checkout", older)


@pytest.fixture
def console() -> Iterator[MeliPayamakSimulator]:
    with MeliPayamakSimulator() as simulator:
        simulator.latency = 0.02
        yield simulator


@pytest.fixture
def variables(
    request: pytest.FixtureRequest,
    empty_database: Callable[[str], str],
    console: MeliPayamakSimulator,
    checkout: Checkout,
    tmp_path: Path,
) -> Iterator[dict[str, str]]:
    """The variables of an installation on a kind of database; whatever the test leaves of it is killed."""
    mark = f"upgraded-{tmp_path}"
    yield {
        "TESTED_UPGRADE": mark,
        "PYTHONPATH": str(checkout.place),
        "NOTIFYHUB_DATABASE_URL": empty_database(request.param),
        "NOTIFYHUB_INSTANCE": str(tmp_path / "instance"),
        "NOTIFYHUB_SECRET_KEY": SECRET_KEY,
        "NOTIFYHUB_ENCRYPTION_KEYS": ENCRYPTION_KEY,
        "NOTIFYHUB_MELIPAYAMAK_URL": console.url,
    }
    for left in processes_of(f"TESTED_UPGRADE={mark}"):
        os.kill(left, signal.SIGKILL)


def start(variables: dict[str, str], place: Path, *command: str) -> Service:
    place.mkdir()
    service = Service(place, variables, *command)
    service.wait_until_it_delivers(90)
    return service


def run(variables: dict[str, str], *command: str) -> str:
    """Return what a command of the installed version prints."""
    program = [sys.executable, "-c", "from notifyhub.cli import main; main()", *command]
    environment = {**os.environ, **variables}
    done = subprocess.run(program, cwd="/", env=environment, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def restarted(service: Service, ready: int) -> None:
    """Have a service restart; return when its worker is ready for the `ready`th time, the old one ended."""
    old = service.living() - {service.process.pid}
    service.process.send_signal(signal.SIGHUP)
    until(lambda: service.err.count("The worker is ready") == ready, "the new version delivers", 120)
    until(lambda: not old & service.living(), "the old version has ended", 90)


def check(
    callers: Callers,
    console: MeliPayamakSimulator,
    variables: dict[str, str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Nothing was refused, each message was sent once, and the database is that of the new version."""
    assert callers.refused == []
    received = console.journal.counts
    until(lambda: len(received()) == len(callers.accepted), "all are sent", 90)
    assert set(received()) == set(callers.accepted)
    assert set(received().values()) == {1}
    url = variables["NOTIFYHUB_DATABASE_URL"].replace("postgresql:", "postgresql+psycopg:")
    with create_engine(url, poolclass=NullPool).connect() as connection:
        version = connection.scalar(text("SELECT version_num FROM alembic_version"))
    assert version == ScriptDirectory(str(ROOT / "migrations")).get_current_head()
    with capsys.disabled():
        kind = url.partition(":")[0]
        sys.stdout.write(
            f"\n{kind}: {len(callers.accepted)} messages; the longest answer took {callers.longest():.2f} s\n"
        )


@pytest.mark.parametrize("variables", ["sqlite", "postgresql"], indirect=True)
def test_up_is_upgraded_while_it_serves(
    variables: dict[str, str],
    checkout: Checkout,
    console: MeliPayamakSimulator,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    service = start(variables, tmp_path / "up", "up", "--workers", "2")
    service.wait_until_it_serves()
    key = service.key
    with Callers(
        service.port, key, messages_to(add_notifier(service, key)), per_second=PER_SECOND
    ) as callers:
        time.sleep(2)
        checkout.update(ROOT)
        restarted(service, 2)
        time.sleep(2)
    check(callers, console, variables, capsys)
    assert service.get("/api/notifications/health", Authorization=f"Token {key}")[0] == 200  # the new one's
    assert service.stop() == 0
    assert service.living() == set()
    assert "Traceback" not in service.err


@pytest.mark.parametrize("variables", ["postgresql"], indirect=True)
def test_several_programs_are_upgraded_one_after_the_other(
    variables: dict[str, str],
    checkout: Checkout,
    console: MeliPayamakSimulator,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run(variables, "db", "upgrade")
    key = run(variables, "users", "create", "admin", "--role", "admin")
    worker = start(variables, tmp_path / "worker", "worker", "--beat")
    options = (
        "-w2",
        "--threads=4",
        "-knotifyhub.process.server.Worker",
        "--no-control-socket",
        "--timeout=120",
    )
    log = tmp_path / "gunicorn.log"
    server: Server = start_gunicorn(variables, log, *options, folder=checkout.place)
    worker.port = server.port
    worker.wait_until_it_serves()
    call = messages_to(add_notifier(worker, key))
    with Callers(server.port, key, call, per_second=PER_SECOND, patience=PATIENCE) as callers:
        time.sleep(2)
        checkout.update(ROOT)
        run(variables, "db", "upgrade")
        time.sleep(2)  # the older version serves on the upgraded database
        old = children(server.process.pid)
        server.process.send_signal(signal.SIGHUP)
        until(lambda: not children(server.process.pid) & old, "the API's old processes have ended", 90)
        restarted(worker, 2)
        time.sleep(2)
    check(callers, console, variables, capsys)
    assert worker.get("/api/notifications/health", Authorization=f"Token {key}")[0] == 200
    assert worker.stop() == 0
    server.stop()
    assert processes_of(f"TESTED_UPGRADE={variables['TESTED_UPGRADE']}") == set()
    assert "Traceback" not in worker.err + log.read_text()
