"""How an installation starts, and what it says where it can't."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from flask_migrate import upgrade

from notifyhub.app import create_app
from notifyhub.extensions import db
from tests.support.databases import dispose
from tests.support.environment import ENCRYPTION_KEY, ROOT, SECRET_KEY
from tests.support.factories import SMSNotifierFactory
from tests.support.processes import free_port, start_gunicorn
from tests.support.service import READY, Service, until

NOTIFIER = {"name": "n", "backend": "melipayamak", "settings": {"token": "t", "number": "50001234"}}
SMS = "/api/notifications/notifiers/sms"

COMMANDS = {
    "up": ("notifyhub.cli", "up", "--port", "1"),
    "worker": ("notifyhub.cli", "worker"),
    "gunicorn": ("gunicorn", "-b127.0.0.1:0", "wsgi:app"),
    "command": ("flask", "users", "list"),
}


def run(words: tuple[str, ...], **variables: str) -> subprocess.CompletedProcess[str]:
    """Run one of the service's programs to its end."""
    module, *rest = words
    code = f"from {module} import main; main()" if module == "notifyhub.cli" else ""
    program = ["-c", code] if code else ["-m", module]
    return subprocess.run(
        [sys.executable, *program, *rest],
        cwd=ROOT,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    "command",
    [
        command if command == "gunicorn" else pytest.param(command, marks=pytest.mark.slow)
        for command in COMMANDS
    ],
)
def test_a_misspelt_variable_stops_every_start_in_one_line(tmp_path: Path, command: str) -> None:
    instance = tmp_path / "instance"
    done = run(COMMANDS[command], NOTIFYHUB_INSTANCE=str(instance), NOTIFYHUB_WEBHOOKS_ALLOW="hunter2")
    assert done.returncode == 3
    told = [line for line in done.stderr.splitlines() if "NOTIFYHUB_" in line]
    assert told == [
        "NOTIFYHUB_WEBHOOKS_ALLOW is not a variable that is read: is NOTIFYHUB_WEBHOOK_ALLOW meant?"
    ]
    assert "hunter2" not in done.stderr
    assert not instance.exists()


@pytest.mark.slow
def test_on_postgresql_the_keys_are_needed(tmp_path: Path) -> None:
    done = run(COMMANDS["command"], NOTIFYHUB_DATABASE_URL=f"postgresql://127.0.0.1:{free_port()}/x")
    assert done.returncode == 3
    assert done.stderr.startswith("NOTIFYHUB_SECRET_KEY must be given with PostgreSQL")
    assert done.stderr.count("\n") == 1


@pytest.fixture
def variables(empty_database: Callable[[str], str], tmp_path: Path) -> dict[str, str]:
    """The variables of an installation on PostgreSQL that holds a secret."""
    given = {
        "NOTIFYHUB_DATABASE_URL": empty_database("postgresql"),
        "NOTIFYHUB_INSTANCE": str(tmp_path / "instance"),
        "NOTIFYHUB_SECRET_KEY": SECRET_KEY,
        "NOTIFYHUB_ENCRYPTION_KEYS": ENCRYPTION_KEY,
    }
    install(given)
    return given


def install(variables: dict[str, str]) -> None:
    """Make an installation that has a notifier."""
    app = create_app(variables)
    with app.app_context():
        upgrade()
        SMSNotifierFactory()
        db.session.remove()
    dispose(app)


@pytest.mark.slow
def test_keys_that_do_not_fit_stop_every_start_in_one_line(variables: dict[str, str]) -> None:
    others = {**variables, "NOTIFYHUB_ENCRYPTION_KEYS": Fernet.generate_key().decode()}
    for command, words in COMMANDS.items():
        port = ("--port", str(free_port())) if command == "up" else ()
        done = run((*words, *port), **others)
        assert done.returncode in {1, 3}, command
        told = [line for line in done.stderr.splitlines() if "keys" in line]
        assert [line.removeprefix("Error: ") for line in told] == [
            "None of the keys fits sms_notifiers 1: nothing was changed."
        ], command
        assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_a_database_that_is_gone_is_told_and_served_again_when_it_is_back(tmp_path: Path) -> None:
    instance = tmp_path / "instance"
    variables = {"NOTIFYHUB_INSTANCE": str(instance)}
    install(variables)
    server = start_gunicorn(variables, tmp_path / "log", "-w1")
    service = Service.__new__(Service)
    service.port = server.port
    try:
        assert service.get("/readyz") == (200, READY)
        database, away = instance / "notifyhub.db", instance / "away.db"
        database.rename(away)
        assert service.get("/readyz")[0] == 503
        for _ in range(3):
            status, answer = service.request("POST", SMS, NOTIFIER, "0" * 40)
            assert (status, answer) == (503, {"detail": "The database can't be reached at the moment."})
        assert not database.exists()
        log = (tmp_path / "log").read_text()
        assert log.count("The database does not answer: unable to open database file") == 1
        assert "Traceback" not in log
        away.rename(database)
        assert service.get("/readyz") == (200, READY)
        assert service.request("POST", SMS, NOTIFIER, "0" * 40)[0] == 401
    finally:
        server.stop()


@pytest.mark.slow
def test_what_is_missing_of_an_installation_is_said_and_nothing_is_made_in_its_place(tmp_path: Path) -> None:
    instance = tmp_path / "instance"
    install({"NOTIFYHUB_INSTANCE": str(instance)})
    (instance / "notifyhub.db").unlink()
    done = run(COMMANDS["command"], NOTIFYHUB_INSTANCE=str(instance))
    assert done.returncode == 3
    assert f"{instance}/notifyhub.db is missing" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (instance / "notifyhub.db").exists()


@pytest.mark.slow
def test_a_worker_says_which_database_it_waits_for_and_why(tmp_path: Path) -> None:
    port = free_port()
    url = f"postgresql://me:hunter2@127.0.0.1:{port}/none"
    given = {"NOTIFYHUB_SECRET_KEY": SECRET_KEY, "NOTIFYHUB_ENCRYPTION_KEYS": ENCRYPTION_KEY}
    folders = [tmp_path / name for name in ("away", "bare")]
    for folder in folders:
        folder.mkdir()
    workers = [
        Service(folders[0], {**given, "NOTIFYHUB_DATABASE_URL": url}, "worker"),
        Service(folders[1], {"NOTIFYHUB_INSTANCE": str(tmp_path / "instance")}, "worker"),
    ]
    words = [
        f"Waiting for the database postgresql://me:***@127.0.0.1:{port}/none. The database does not answer: ",
        f"Waiting for the database sqlite:///{tmp_path}/instance/notifyhub.db. The database is not migrated",
    ]
    try:
        for worker, told in zip(workers, words, strict=True):
            until(lambda worker=worker, told=told: told in worker.err, told)
            assert "hunter2" not in worker.err
            assert "Traceback" not in worker.err
    finally:
        for worker in workers:
            worker.stop()
