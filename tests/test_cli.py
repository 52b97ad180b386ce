"""The `notifyhub` command, as a process."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from alembic.script import ScriptDirectory
from click.testing import CliRunner
from flask import Flask
from sqlalchemy import inspect

from notifyhub.app import create_app
from notifyhub.cli import main
from notifyhub.database.registration import MIGRATIONS
from notifyhub.extensions import db
from tests.support.databases import dispose
from tests.support.environment import ENCRYPTION_KEY, SECRET_KEY, on_sqlite
from tests.support.processes import free_port, wait_for_port
from tests.support.service import Service

Up = Callable[..., Service]
TOKEN = re.compile(r"[0-9a-f]{40}")
HEAD = ScriptDirectory(str(MIGRATIONS)).get_current_head()
OTHER_COMMANDS = ("users list", "permissions", "notifiers seed", "keys rotate")
OTHER_KEY = "bm90aWZ5aHViLXRlc3RzLWVuY3J5cHRpb24ta2V5LTI="


@pytest.fixture(params=[pytest.param("sqlite", marks=pytest.mark.slow), "postgresql"])
def variables(
    request: pytest.FixtureRequest, empty_database: Callable[[str], str], tmp_path: Path
) -> dict[str, str]:
    """The variables of an installation whose database is empty."""
    return {
        "NOTIFYHUB_DATABASE_URL": empty_database(request.param),
        "NOTIFYHUB_INSTANCE": str(tmp_path / "instance"),
        "NOTIFYHUB_SECRET_KEY": SECRET_KEY,
        "NOTIFYHUB_ENCRYPTION_KEYS": ENCRYPTION_KEY,
        "HOME": str(tmp_path / "home"),
    }


@pytest.fixture
def up(processes: list[subprocess.Popen[str]], tmp_path: Path) -> Up:
    """Give a function that starts `notifyhub up` in a folder of its own."""

    def start(variables: dict[str, str], *options: str, port: int = 0) -> Service:
        folder = tmp_path / f"elsewhere-{len(processes)}"
        folder.mkdir()
        service = Service(folder, variables, "up", *options, port=port)
        processes.append(service.process)
        return service

    return start


def test_the_first_start_prints_a_token_that_works_and_the_next_start_none(
    up: Up, variables: dict[str, str], tmp_path: Path
) -> None:
    first = up(variables)
    first.wait_until_it_serves()
    token = first.out.removesuffix("\n")
    assert TOKEN.fullmatch(token)
    status, me = first.get("/api/me", Authorization=f"Token {token}")
    assert (status, me["name"], me["role"]) == (200, "admin", "admin")
    assert first.get("/api/me", Authorization=f"Token {token[:-1]}x")[0] == 401
    started = time.monotonic()
    assert first.stop() == 0
    assert time.monotonic() - started < 9  # a worker that must be killed takes 10
    for secret in (token, SECRET_KEY, ENCRYPTION_KEY):
        assert secret not in first.err
    assert "Traceback" not in first.err

    second = up(variables)
    second.wait_until_it_serves()
    assert second.get("/api/me", Authorization=f"Token {token}")[0] == 200
    assert second.stop(signal.SIGINT) == 0
    assert second.out == ""
    left = [
        path for folder in ("home", "elsewhere-0", "elsewhere-1") for path in (tmp_path / folder).glob("*")
    ]
    assert left == []


@pytest.mark.slow
def test_two_that_start_together_make_one_admin(up: Up, variables: dict[str, str]) -> None:
    services = [up(variables, "--workers", "1") for _ in range(2)]
    for service in services:
        service.wait_until_it_serves()
    tokens = "".join(service.out for service in services).split()
    assert len(tokens) == 1
    for service in services:
        assert service.get("/api/me", Authorization=f"Token {tokens[0]}")[0] == 200
        assert "Traceback" not in service.err
    for service in services:
        service.process.terminate()


@pytest.mark.slow
def test_the_embedded_default_is_kept_in_the_instance_folder(up: Up, tmp_path: Path) -> None:
    instance = tmp_path / "instance"
    service = up({"NOTIFYHUB_INSTANCE": str(instance), "NOTIFYHUB_LOG_FORMAT": "json"}, "--workers", "1")
    service.wait_until_it_serves()
    service.wait_until_it_delivers()
    assert service.stop() == 0
    modes = {path.name: path.stat().st_mode & 0o777 for path in instance.iterdir()}
    assert {modes.pop("queue"), modes.pop("metrics")} == {0o700}
    assert modes == dict.fromkeys(
        ("notifyhub.db", "notifyhub.db.turn", "secret_key", "encryption_keys"), 0o600
    )
    told = [json.loads(line) for line in service.err.splitlines()]
    assert "token" in told[0]["event"]
    assert {"notifyhub.jobs.worker", "notifyhub.process.server.application"} < {
        event["logger"] for event in told
    }
    before, *parts, after = [event["event"] for event in told[-4:]]
    assert (before, after) == ("NotifyHub stops", "NotifyHub has stopped")
    assert sorted(parts) == ["The server has stopped", "The worker has stopped"]


@pytest.mark.slow
def test_headers_of_proxies_count_only_where_proxies_are_trusted(up: Up, tmp_path: Path) -> None:
    forwarded = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "public.example", "X-Forwarded-Ssl": "on"}
    for proxies, base in {"0": "http://127.0.0.1:{port}/", "1": "https://public.example/"}.items():
        service = up(
            {
                "NOTIFYHUB_INSTANCE": str(tmp_path / proxies),
                "NOTIFYHUB_TRUSTED_PROXIES": proxies,
                "NOTIFYHUB_ALLOWED_HOSTS": "public.example, 127.0.0.1",
            },
            "--workers",
            "1",
        )
        service.wait_until_it_serves()
        headers = {"Authorization": f"Token {service.out.strip()}", **forwarded}
        for number in (1, 2):
            body = json.dumps({"name": f"n{number}", "backend": "ippanel"}).encode()
            path = f"http://127.0.0.1:{service.port}/api/notifications/notifiers/sms"
            more = {**headers, "Content-Type": "application/json"}
            urllib.request.urlopen(urllib.request.Request(path, body, more), timeout=30).close()
        _, page = service.get("/api/notifications/notifiers/sms?limit=1", **headers)
        assert page["next"].startswith(base.format(port=service.port))


@pytest.mark.slow
@pytest.mark.parametrize("variables", ["sqlite"], indirect=True)
def test_a_port_in_use_is_told_before_anything_is_changed(up: Up, variables: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        service = up(variables, port=port)
        assert service.process.wait(30) == 1
    assert service.err == f"Error: Can't listen at 127.0.0.1, port {port}: Address already in use.\n"
    assert service.out == ""
    app = create_app(variables)
    with app.app_context():
        assert inspect(db.engine).get_table_names() == []
    dispose(app)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("given", "status", "words"),
    [
        ({"NOTIFYHUB_MAX_LIMIT": "hunter2"}, 3, "NOTIFYHUB_MAX_LIMIT must be a whole number of at least 1"),
        (
            {"NOTIFYHUB_INSTANCE": "/dev/null/x"},
            3,
            "NOTIFYHUB_INSTANCE must name a place that can be read and written",
        ),
        (
            {"NOTIFYHUB_DATABASE_URL": "postgresql://user:hunter2@127.0.0.1:{port}/x"},
            1,
            "Error: The database does not answer: connection",
        ),
    ],
)
def test_what_keeps_it_from_starting_is_told_in_one_line(
    up: Up, tmp_path: Path, given: dict[str, str], status: int, words: str
) -> None:
    given = {name: value.format(port=free_port()) for name, value in given.items()}
    service = up({"NOTIFYHUB_INSTANCE": str(tmp_path / "instance"), **given})
    assert service.process.wait(30) == status
    assert service.err.startswith(words)
    assert service.err.count("\n") == 1
    assert service.out == ""
    assert "hunter2" not in service.err


@pytest.mark.parametrize("option", ["--port=0", "--port=65536", "--port=http", "--workers=0", "--host"])
def test_options_that_cannot_be_are_refused(option: str) -> None:
    result = CliRunner().invoke(main, ["up", option])
    assert result.exit_code == 2
    assert result.stderr.splitlines()[-1].startswith("Error: ")


@pytest.mark.slow
def test_a_host_that_this_machine_does_not_have_is_told(up: Up, tmp_path: Path) -> None:
    service = up({"NOTIFYHUB_INSTANCE": str(tmp_path / "instance")}, "--host", "192.0.2.1")
    assert service.process.wait(30) == 1
    assert service.err == (
        f"Error: Can't listen at 192.0.2.1, port {service.port}: Cannot assign requested address.\n"
    )


@pytest.mark.slow
def test_it_stops_cleanly_while_it_is_still_starting(up: Up, tmp_path: Path) -> None:
    service = up({"NOTIFYHUB_INSTANCE": str(tmp_path / "instance")})
    wait_for_port(service.process, service.port)
    assert service.stop() == 0
    assert "Traceback" not in service.err


@pytest.mark.slow
@pytest.mark.parametrize(("proxies", "warned"), [("0", True), ("1", False)])
def test_who_listens_to_strangers_is_warned_if_no_proxy_is_in_front(
    up: Up, tmp_path: Path, proxies: str, *, warned: bool
) -> None:
    given = {"NOTIFYHUB_INSTANCE": str(tmp_path / "instance"), "NOTIFYHUB_TRUSTED_PROXIES": proxies}
    service = up(given, "--host", "0.0.0.0", "--workers", "1")
    service.wait_until_it_serves()
    assert ("put a proxy with TLS" in service.err) is warned
    assert service.stop() == 0


@pytest.fixture
def notifyhub(tmp_path: Path) -> Callable[..., Any]:
    """Give a function that runs a command in a folder of its own, where there is no application."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()

    def run(variables: dict[str, str], *args: str, standard_input: str = "") -> Any:
        return subprocess.run(
            [sys.executable, "-c", "from notifyhub.cli import main; main()", *args],
            cwd=folder,
            env={**os.environ, "FLASK_APP": "nothing.py", **variables},
            input=standard_input,
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def printed(done: Any) -> str:
    """Return what a command that succeeds has printed."""
    assert (done.returncode, done.stderr) == (0, "")
    return str(done.stdout)


@pytest.mark.slow
def test_migrations_that_are_run_and_taken_back_are_printed(
    notifyhub: Callable[..., Any], variables: dict[str, str]
) -> None:
    assert f"Migration {HEAD} was run: " in printed(notifyhub(variables, "db", "upgrade")).splitlines()[-1]
    assert printed(notifyhub(variables, "db", "upgrade")) == "There was no migration to run.\n"
    back = printed(notifyhub(variables, "db", "downgrade"))
    assert back.startswith(f"Migration {HEAD} was taken back: ")
    assert printed(notifyhub(variables, "db", "upgrade")).count("\n") == 1


@pytest.mark.slow
def test_every_command_works_in_any_folder(
    notifyhub: Callable[..., Any], variables: dict[str, str], tmp_path: Path
) -> None:
    settings = '{token: a-token, from_number: "+983000505"}'
    file = tmp_path / "elsewhere" / "a.yaml"
    file.write_text(f"sms: [{{name: a, backend: ippanel, settings: {settings}}}]")
    printed(notifyhub(variables, "db", "upgrade"))
    token = printed(notifyhub(variables, "users", "create", "shop", "--role", "staff"))
    assert TOKEN.fullmatch(token.removesuffix("\n"))
    assert printed(notifyhub(variables, "tokens", "list")).startswith(token[:8])
    assert "2812\t" in printed(notifyhub(variables, "permissions"))
    seeded = printed(notifyhub(variables, "notifiers", "seed", "a.yaml"))
    assert seeded.startswith("SMS notifier a: created\nSMS notifier: 1 created")
    assert printed(notifyhub(variables, "keys", "rotate")).startswith("1 secrets are encrypted")
    assert list(file.parent.iterdir()) == [file]

    refused = notifyhub(variables, "users", "permit", "nobody", "2812")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == "Error: There is no user nobody.\n"
    refused = notifyhub({**variables, "NOTIFYHUB_ENCRYPTION_KEYS": OTHER_KEY}, "db", "upgrade")
    assert (refused.returncode, refused.stdout) == (3, "")
    assert refused.stderr == "None of the keys fits sms_notifiers 1: nothing was changed.\n"


@pytest.mark.parametrize("variables", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "command",
    ["db upgrade", *(pytest.param(words, marks=pytest.mark.slow) for words in OTHER_COMMANDS)],
)
def test_a_wrong_variable_stops_every_command_with_one_line(
    notifyhub: Callable[..., Any], variables: dict[str, str], command: str
) -> None:
    done = notifyhub({**variables, "NOTIFYHUB_MAX_LIMIT": "hunter2"}, *command.split())
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == "NOTIFYHUB_MAX_LIMIT must be a whole number of at least 1\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    ["users list", "db upgrade", "db downgrade", "db current"],
)
def test_a_database_that_does_not_answer_is_one_line_of_every_command(
    notifyhub: Callable[..., Any], tmp_path: Path, command: str
) -> None:
    given = {
        "NOTIFYHUB_INSTANCE": str(tmp_path / "instance"),
        "NOTIFYHUB_DATABASE_URL": f"postgresql://user:hunter2@127.0.0.1:{free_port()}/x",
    }
    done = notifyhub(given, *command.split())
    assert (done.returncode, done.stdout) == (1, "")
    assert "Error: The database does not answer: connection" in done.stderr
    assert done.stderr.count("\n") == 1
    assert "hunter2" not in done.stderr


@pytest.mark.parametrize("variables", ["sqlite"], indirect=True)
@pytest.mark.parametrize("host", ["a..b", pytest.param("\udcff", marks=pytest.mark.slow)])
def test_what_no_host_is_called_is_told(
    notifyhub: Callable[..., Any], variables: dict[str, str], host: str
) -> None:
    done = notifyhub(variables, "up", "--host", host)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"Error: Can't listen at {ascii(host)[1:-1]}: no host has such a name.\n"


@pytest.mark.parametrize("variables", ["sqlite"], indirect=True)
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_an_output_that_cannot_be_written_is_told_in_one_line(variables: dict[str, str]) -> None:
    """Who keeps a token in a file on a full disk has to learn that it is not there."""
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-c", "from notifyhub.cli import main; main()", "permissions"],
            env={**os.environ, **variables},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stderr) == (1, "Error: No space left on device\n")


def test_ctrl_c_ends_the_program_without_a_traceback_while_it_is_imported(tmp_path: Path) -> None:
    """The first module that is imported says so, and waits for the signal."""
    (tmp_path / "click.py").write_text("import time\nprint('importing', flush=True)\ntime.sleep(30)\n")
    with subprocess.Popen(
        [sys.executable, "-m", "notifyhub", "permissions"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509
    ) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == "importing\n"
        program.send_signal(signal.SIGINT)
        out, err = program.communicate(timeout=20)
    assert (program.returncode, out, err) == (-signal.SIGINT, "", "")


def test_the_version_is_that_of_the_package(notifyhub: Callable[..., Any]) -> None:
    done = notifyhub({}, "--version")
    assert (done.returncode, done.stdout) == (0, f"notifyhub {version('notifyhub')}\n")


@pytest.mark.slow
def test_help_lists_the_commands_in_sections_and_makes_nothing(
    notifyhub: Callable[..., Any], tmp_path: Path
) -> None:
    for args in (["--help"], ["users", "--help"], ["users", "create", "--help"]):
        done = notifyhub({"NOTIFYHUB_INSTANCE": str(tmp_path / "instance")}, *args)
        assert (done.returncode, done.stderr) == (0, "")
    assert not (tmp_path / "instance").exists()
    shown = CliRunner().invoke(main, ["--help"]).stdout
    sections = {
        title: re.findall("^  ([a-z]+) ", commands, re.MULTILINE)
        for title, commands in re.findall(r"^(\S[^\n]*):\n((?:  .*\n)+)", shown, re.MULTILINE)
    }
    del sections["Options"]
    assert sections == {
        "Service": ["up", "worker", "status"],
        "Messages and notifiers": ["send", "notifiers"],
        "Users and permissions": ["users", "tokens", "permissions"],
        "Database and keys": ["db", "keys", "statistics", "backup", "restore"],
    }


@on_sqlite
def test_all_commands_of_the_application_are_there_and_listed(app: Flask) -> None:
    shown = CliRunner().invoke(main, ["--help"]).stdout
    assert app.cli.commands.items() <= main.commands.items()
    assert all(re.search(f"^  {name} ", shown, re.MULTILINE) for name in main.commands)
