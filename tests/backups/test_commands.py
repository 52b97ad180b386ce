"""`notifyhub backup` and `notifyhub restore`, as an operator runs them."""

import json
import os
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import tarfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.process.conftest import MESSAGES, NOTIFIERS, TEXT, Start, add_notifier, status_of
from tests.process.conftest import start as start  # noqa: PLC0414 - a fixture
from tests.simulators import MeliPayamakSimulator
from tests.support.environment import ENCRYPTION_KEY, SECRET_KEY
from tests.support.service import Service, until

OTHER_KEY = "bm90aWZ5aHViLXRlc3RzLWVuY3J5cHRpb24ta2V5LTI="


@pytest.fixture
def instance(tmp_path: Path) -> Path:
    return tmp_path / "instance"


def up(start: Start, **variables: str) -> Service:
    """Return the service on the instance, as soon as it serves and delivers."""
    service = start(**variables)
    service.wait_until_it_serves()
    service.wait_until_it_delivers()
    return service


def notifyhub(folder: Path, *words: Any, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command for the instance of a folder."""
    return subprocess.run(
        [sys.executable, "-c", "from notifyhub.cli import main; main()", *map(str, words)],
        env={**os.environ, "NOTIFYHUB_INSTANCE": str(folder), **variables},
        cwd=folder.parent,
        capture_output=True,
        text=True,
        check=False,
    )


def run(folder: Path, *words: Any, **variables: str) -> str:
    done = notifyhub(folder, *words, **variables)
    assert done.returncode == 0, done.stderr
    return done.stdout


def refusal(folder: Path, *words: Any, **variables: str) -> str:
    """Return the one line with which a command is refused."""
    done = notifyhub(folder, *words, **variables)
    assert (done.returncode != 0, done.stdout) == (True, "")
    (line,) = done.stderr.splitlines()
    return line


def contents(folder: Path) -> dict[str, bytes]:
    """Return what the instance's database and keys hold, without what SQLite keeps beside it."""
    return {
        place.name: place.read_bytes() for place in folder.iterdir() if place.is_file() and place.suffix == ""
    }


@pytest.mark.slow
def test_after_a_crash_the_keys_and_the_messages_go_on(start: Start, instance: Path, tmp_path: Path) -> None:
    backup = tmp_path / "daily"
    with MeliPayamakSimulator() as console:
        service = up(start, NOTIFYHUB_MELIPAYAMAK_URL=console.url)
        key = service.key
        notifier = add_notifier(service, key)
        sent = service.post(MESSAGES, {**TEXT, "notifier": notifier}, key)
        until(lambda: status_of(service, sent, key) == "sent", "it is sent")
        later = {**TEXT, "to": "09121234568", "notifier": notifier, "send_at": _soon()}
        waiting = service.post(MESSAGES, later, key)
        run(instance, "backup", backup)  # while it runs
        for process in service.living():
            os.kill(process, signal.SIGKILL)
        service.process.wait(10)
        (instance / "notifyhub.db").write_bytes(b"The disk has failed." * 1000)
        (instance / "encryption_keys").unlink()
        run(instance, "restore", backup)
        again = up(start, NOTIFYHUB_MELIPAYAMAK_URL=console.url)
        assert again.out == ""  # no other first admin
        until(lambda: status_of(again, waiting, key) == "sent", "what waited goes out", 40)
        assert status_of(again, sent, key) in {"sent", "delivered"}
        assert sorted(console.journal.counts()) == ["09121234567", "09121234568"]
        assert again.stop() == 0
    (kept,) = (place for place in instance.glob("notifyhub.db.before-*Z"))
    assert kept.read_bytes().startswith(b"The disk has failed.")


def _soon() -> str:
    return (datetime.now(UTC) + timedelta(seconds=8)).isoformat()


@pytest.mark.slow
def test_what_runs_goes_on_with_what_was_restored(start: Start, instance: Path, tmp_path: Path) -> None:
    service = up(start)
    key, backup = service.key, tmp_path / "backup"
    first = add_notifier(service, key)
    run(instance, "backup", backup)
    second = add_notifier(service, key)
    answers = [service.request("GET", f"{NOTIFIERS}/{notifier}", key=key) for notifier in (first, second)]
    assert [status for status, _ in answers] == [200, 200]
    run(instance, "restore", backup)
    again = [service.request("GET", f"{NOTIFIERS}/{notifier}", key=key) for notifier in (first, second)]
    assert (again[0], again[1][0]) == (answers[0], 404)
    assert add_notifier(service, key) == second
    assert service.stop() == 0
    assert "Traceback" not in service.err
    (kept,) = instance.glob("notifyhub.db.before-*")
    with sqlite3.connect(kept) as before:
        assert before.execute("SELECT count(*) FROM sms_notifiers").fetchone() == (2,)
    before.close()


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An instance with a user, to be copied."""
    folder = tmp_path_factory.mktemp("template") / "instance"
    run(folder, "db", "upgrade")
    run(folder, "users", "create", "someone", "--role", "admin")
    return folder


@pytest.fixture
def made(template: Path, instance: Path) -> Path:
    """The test's own copy of it."""
    return shutil.copytree(template, instance)


@pytest.mark.slow
def test_a_backup_is_for_its_owner_alone_and_holds_the_database_and_the_keys(
    made: Path, tmp_path: Path
) -> None:
    backup = tmp_path / "backup"
    run(made, "backup", backup)
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    with tarfile.open(backup) as archive:
        assert set(archive.getnames()) == {"backup.json", "secret_key", "encryption_keys", "notifyhub.db"}
        assert all(member.mode == 0o600 for member in archive)


def test_a_restore_elsewhere_makes_the_same_installation(made: Path, tmp_path: Path) -> None:
    backup, other = tmp_path / "backup", tmp_path / "other"
    told = run(made, "backup", backup)
    assert f"its keys, {backup.stat().st_size / 1000:.0f} kB." in told
    restored = notifyhub(other, "restore", backup, NOTIFYHUB_LOG_FORMAT="json")
    assert restored.returncode == 0
    (told,) = [json.loads(line) for line in restored.stderr.splitlines() if line.startswith("{")]
    assert (told["level"], told["event"][:35]) == ("info", "Restored from backup what version 0")
    assert told["event"].endswith(restored.stdout.rpartition(" on ")[2].rstrip(".\n"))
    assert run(other, "users", "list") == run(made, "users", "list")
    for name in ("secret_key", "encryption_keys"):
        assert (other / name).read_bytes() == (made / name).read_bytes()
        assert stat.S_IMODE((other / name).stat().st_mode) == 0o600
    assert stat.S_IMODE((other / "notifyhub.db").stat().st_mode) == 0o600


@pytest.mark.slow
def test_a_backup_of_an_earlier_version_is_upgraded(made: Path, tmp_path: Path) -> None:
    backup, other = tmp_path / "backup", tmp_path / "other"
    run(made, "db", "downgrade", "0012")
    run(made, "backup", backup)
    run(other, "restore", backup)
    assert run(other, "db", "upgrade") == "There was no migration to run.\n"


@pytest.mark.slow
def test_a_backup_replaces_no_file(made: Path, tmp_path: Path) -> None:
    there = tmp_path / "yesterday"
    there.write_text("Yesterday's")
    assert "is there already" in refusal(made, "backup", there)
    assert there.read_text() == "Yesterday's"
    assert "No such file or directory" in refusal(made, "backup", tmp_path / "nowhere" / "backup")


def cut(backup: Path) -> None:
    backup.write_bytes(backup.read_bytes()[: backup.stat().st_size // 2])


def garble(backup: Path) -> None:
    backup.write_bytes(b"Not a backup")


@pytest.mark.slow
@pytest.mark.parametrize("spoil", [cut, garble])
def test_what_is_no_whole_backup_changes_nothing(
    made: Path, tmp_path: Path, spoil: Callable[[Path], None]
) -> None:
    backup = tmp_path / "backup"
    run(made, "backup", backup)
    spoil(backup)
    before = contents(made)
    assert refusal(made, "restore", backup) == f"Error: {backup} is not a whole backup of NotifyHub."
    assert contents(made) == before


@pytest.mark.slow
def test_a_backup_of_a_later_version_changes_nothing(made: Path, tmp_path: Path) -> None:
    backup = tmp_path / "backup"
    with sqlite3.connect(made / "notifyhub.db") as database:
        database.execute("UPDATE alembic_version SET version_num = 'later'")
    database.close()
    run(made, "backup", backup)
    other = tmp_path / "other"
    assert "it is of a later version" in refusal(other, "restore", backup)
    assert list(other.iterdir()) == []


@pytest.mark.slow
def test_keys_that_do_not_fit_the_backup_change_nothing(made: Path, tmp_path: Path) -> None:
    backup = tmp_path / "backup"
    seed = tmp_path / "seed.yaml"
    seed.write_text('sms: [{name: a, backend: melipayamak, settings: {token: "secret"}}]')
    run(made, "notifiers", "seed", seed)
    run(made, "backup", backup)
    words = refusal(tmp_path / "other", "restore", backup, NOTIFYHUB_ENCRYPTION_KEYS=OTHER_KEY)
    assert "None of the keys fits sms_notifiers 1" in words


@pytest.mark.slow
def test_with_postgresql_the_keys_are_kept_and_the_words_for_its_own_tools_told(
    empty_database: Callable[[str], str], tmp_path: Path
) -> None:
    variables = {
        "NOTIFYHUB_DATABASE_URL": empty_database("postgresql"),
        "NOTIFYHUB_SECRET_KEY": SECRET_KEY,
        "NOTIFYHUB_ENCRYPTION_KEYS": ENCRYPTION_KEY,
    }
    backup, folder = tmp_path / "backup", tmp_path / "folder"
    run(folder, "db", "upgrade", **variables)
    assert 'pg_dump -Fc -f copy.dump "$NOTIFYHUB_DATABASE_URL"' in run(folder, "backup", backup, **variables)
    with tarfile.open(backup) as archive:
        assert set(archive.getnames()) == {"backup.json", "secret_key", "encryption_keys"}
    assert "another kind of database" in refusal(tmp_path / "embedded", "restore", backup)
    only_url = {"NOTIFYHUB_DATABASE_URL": variables["NOTIFYHUB_DATABASE_URL"]}
    restored = notifyhub(folder, "restore", backup, **only_url)
    assert restored.returncode == 0
    assert "pg_restore" in restored.stdout
    assert "Restored from backup what version" in restored.stderr
    assert (folder / "encryption_keys").read_text() == ENCRYPTION_KEY
    run(folder, "users", "list", **only_url)
