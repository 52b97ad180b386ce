"""The fixtures of all tests: both databases, an application on each, clients, real servers."""

import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

import psycopg
import pytest
import redis
import time_machine
from flask import Flask
from flask.testing import FlaskClient
from flask_migrate import upgrade
from sqlalchemy import Engine, event
from werkzeug.test import TestResponse

from notifyhub.app import create_app
from notifyhub.auth.accounts import issue_token
from notifyhub.auth.models import Role
from notifyhub.extensions import db
from notifyhub.logs import AccessLog, AnsweredRequest
from tests.support.factories import UserFactory, install_backends
from tests.support.scripted import NAME as SCRIPTED
from tests.support.scripted import Scripted

pytest_plugins = ["tests.support.providers"]

ROOT = Path(__file__).parent.parent
POSTGRESQL = os.environ.get("TEST_POSTGRESQL_URL", "postgresql://postgres@127.0.0.1:5432")
SECRET_KEY = "a secret key of the tests"
ENCRYPTION_KEY = "bm90aWZ5aHViLXRlc3RzLWVuY3J5cHRpb24ta2V5LTE="

on_sqlite = pytest.mark.parametrize("environment", ["sqlite"], indirect=True)
"""Of a test, or a module's `pytestmark`, for which one kind of database proves as much as both."""

on_postgresql = pytest.mark.parametrize("environment", ["postgresql"], indirect=True)


@pytest.fixture(scope="session", autouse=True)
def requests_are_logged_at_once() -> Iterator[None]:
    """Have no line of a request written while the next test reads what it has written itself."""
    add = AccessLog.add

    def add_and_write(self: AccessLog, answered: AnsweredRequest) -> None:
        add(self, answered)
        self.flush()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(AccessLog, "add", add_and_write)
        yield


@dataclass
class Answer:
    """An answer, briefly: its status, its JSON, its headers."""

    response: TestResponse

    @property
    def status(self) -> int:
        return self.response.status_code

    @property
    def json(self) -> Any:
        return self.response.get_json() if self.response.data else None

    @property
    def headers(self) -> Any:
        return self.response.headers


@dataclass
class Api:
    """A client of the API that sends a token."""

    client: FlaskClient
    token: str | None
    headers: dict[str, str] = field(default_factory=dict)

    def call(self, method: str, path: str, json: Any = None, **options: Any) -> Answer:
        headers = {**self.headers, **options.pop("headers", {})}
        if self.token is not None:
            headers.setdefault("Authorization", f"Token {self.token}")
        if json is not None:
            options["json"] = json
        return Answer(self.client.open(path, method=method, headers=headers, **options))

    def get(self, path: str, **options: Any) -> Answer:
        return self.call("GET", path, **options)

    def post(self, path: str, json: Any = None, **options: Any) -> Answer:
        return self.call("POST", path, json, **options)

    def patch(self, path: str, json: Any = None, **options: Any) -> Answer:
        return self.call("PATCH", path, json, **options)

    def delete(self, path: str, **options: Any) -> Answer:
        return self.call("DELETE", path, **options)


def absent(service: str, variable: str) -> NoReturn:
    """Skip the test because a service does not answer; in CI, where it has to, fail it."""
    words = f"{service} does not answer; its address is in {variable}"
    if os.environ.get("CI") == "true":
        pytest.fail(words)
    pytest.skip(words)


def _postgresql() -> psycopg.Connection:
    """Return a connection to the server, if there is one."""
    try:
        return psycopg.connect(f"{POSTGRESQL}/postgres", autocommit=True, connect_timeout=5)
    except psycopg.OperationalError:
        absent("PostgreSQL", "TEST_POSTGRESQL_URL")


@pytest.fixture(scope="session")
def redis_url() -> str:
    """The URL of a Redis server."""
    url = os.environ.get("TEST_REDIS_URL", "redis://127.0.0.1:6379")
    try:
        redis.Redis.from_url(url, socket_connect_timeout=2).ping()
    except redis.RedisError:
        absent("Redis", "TEST_REDIS_URL")
    return url


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], str]]:
    """Give a function that makes an empty database of a kind and returns its URL."""
    made: list[str] = []

    def make(kind: str) -> str:
        if kind == "sqlite":
            return f"sqlite:///{tmp_path_factory.mktemp('database')}/notifyhub.db"
        name = f"notifyhub_test_{os.getpid()}_{len(made)}"
        with _postgresql() as server:
            server.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")  # type: ignore[arg-type]
            server.execute(f"CREATE DATABASE {name}")  # type: ignore[arg-type]
        made.append(name)
        return f"{POSTGRESQL}/{name}"

    yield make
    for name in made:
        with _postgresql() as server:
            server.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def environments(
    empty_database: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], dict[str, str]]:
    """Give a function that returns the variables of the one installation on a kind of database."""

    @cache
    def make(kind: str) -> dict[str, str]:
        return {
            "NOTIFYHUB_DATABASE_URL": empty_database(kind),
            "NOTIFYHUB_INSTANCE": str(tmp_path_factory.mktemp("instance")),
            "NOTIFYHUB_SECRET_KEY": SECRET_KEY,
            "NOTIFYHUB_ENCRYPTION_KEYS": ENCRYPTION_KEY,
            "NOTIFYHUB_IPPANEL_URL": "http://127.0.0.1:1",
            "NOTIFYHUB_MELIPAYAMAK_URL": "http://127.0.0.1:1",
        }

    return make


@pytest.fixture(scope="session")
def migrated_apps(empty_database: Callable[[str], str]) -> Iterator[dict[str, Flask]]:
    """The applications that there are by now, by the URLs of their databases."""
    apps: dict[str, Flask] = {}
    yield apps
    for app in apps.values():
        dispose(app)


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def environment(
    request: pytest.FixtureRequest, environments: Callable[[str], dict[str, str]]
) -> dict[str, str]:
    """The variables of an installation on each kind of database; processes are started with them.

    No provider can be reached.
    """
    return environments(request.param)


@pytest.fixture(scope="session")
def migrated_app(environment: dict[str, str], migrated_apps: dict[str, Flask]) -> Flask:
    """The application on a migrated database: made once, though its parameter changes with each module."""
    url = environment["NOTIFYHUB_DATABASE_URL"]
    if url not in migrated_apps:
        app = migrated_apps[url] = create_app(environment)
        app.testing = True
        with app.app_context():
            upgrade()
    return migrated_apps[url]


def dispose(app: Flask) -> None:
    """Close the application's connections."""
    app.extensions["publisher"].close()
    for engine in engines(app):
        engine.dispose()


def engines(app: Flask) -> list[Engine]:
    """Return all that the application has connections from."""
    with app.app_context():
        return [*db.engines.values()]


@pytest.fixture
def app(migrated_app: Flask) -> Iterator[Flask]:
    """The application on an empty, migrated database."""
    yield migrated_app
    clear(migrated_app)


@pytest.fixture
def other_app(app: Flask, environment: dict[str, str]) -> Iterator[Callable[..., Flask]]:
    """Give a function that makes an application with other variables, on the same database.

    Its log goes to the standard error of the test that makes it.
    """
    made: list[Flask] = []
    handlers = [(log, log.handlers[:]) for log in (logging.getLogger(), logging.getLogger("notifyhub"))]

    def make(**variables: str) -> Flask:
        made.append(create_app({**environment, **variables}))
        made[-1].testing = True
        return made[-1]

    yield make
    for log, before in handlers:
        log.handlers[:] = before
    for other in made:
        dispose(other)


def clear(app: Flask) -> None:
    """Delete all rows."""
    with app.app_context(), db.engine.begin() as connection:
        for table in reversed(db.metadata.sorted_tables):
            connection.execute(table.delete())


def stored_text(app: Flask) -> str:
    """Return all that the database keeps, as it is kept: every value of every row."""
    with app.app_context(), db.engine.connect() as connection:
        return "\n".join(
            str(row)
            for table in db.metadata.sorted_tables
            for row in connection.exec_driver_sql(f"SELECT * FROM {table.name}")
        )


def stored_bytes(app: Flask) -> bytes:
    """Return what is in SQLite's files; of PostgreSQL's nothing.

    Connections are closed first: to close a file ends all locks that this process has on it.
    """
    with app.app_context():
        url = db.engine.url
    if url.get_backend_name() == "postgresql":
        return b""
    for engine in engines(app):
        engine.dispose()
    return b"".join(file.read_bytes() for file in Path(url.database or "").parent.iterdir())


@pytest.fixture
def token(app: Flask) -> Callable[..., str]:
    """Give a function that makes a user and returns a token of theirs."""

    def make(role: Role = Role.ADMIN, codes: tuple[int, ...] = (), **options: Any) -> str:
        with app.app_context():
            user = UserFactory(role=role, codes=codes)
            key = issue_token(
                db.session(), user, options.pop("lifetime", None), test=options.pop("test", False)
            )
            db.session.commit()
        return key

    return make


@pytest.fixture
def anonymous(app: Flask) -> Api:
    """A client without a token."""
    return Api(app.test_client(), None)


@pytest.fixture
def api(app: Flask, token: Callable[..., str]) -> Api:
    """An admin's client."""
    return Api(app.test_client(), token())


@pytest.fixture
def staff(app: Flask, token: Callable[..., str]) -> Callable[..., Api]:
    """Give a function that returns the client of a member of staff with some permission codes."""
    return lambda *codes: Api(app.test_client(), token(Role.STAFF, codes))


@pytest.fixture
def scripted(app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Scripted]]:
    """The backend `scripted`, which does what it is told, installed as any package's backend is."""
    folder = tmp_path / "plugins"
    folder.mkdir()
    install_backends(folder, **{SCRIPTED: "tests.support.scripted:Scripted"})
    monkeypatch.syspath_prepend(folder)
    yield Scripted
    Scripted.reset()
    app.extensions.pop("delivery", None)  # what workers remember


@dataclass
class Queries:
    """Counts statements while it is entered."""

    app: Flask
    statements: list[str] = field(default_factory=list)

    def __enter__(self) -> list[str]:
        self.statements = []
        self._on_engines(event.listen)
        return self.statements

    def __exit__(self, *_: object) -> None:
        self._on_engines(event.remove)

    def _on_engines(self, act: Callable[..., None]) -> None:
        with self.app.app_context():
            for engine in db.engines.values():
                act(engine, "before_cursor_execute", self._note)

    def _note(self, _connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if not statement.startswith("BEGIN"):
            self.statements.append(statement)


@pytest.fixture
def queries(app: Flask) -> Iterator[Queries]:
    """A counter of statements. The clock stands still: a token's use is noted once a minute."""
    with time_machine.travel(datetime.now(UTC), tick=False):
        yield Queries(app)


@dataclass
class Server:
    """A process that serves the application over HTTP."""

    process: subprocess.Popen[str]
    url: str

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def wait_for_port(process: subprocess.Popen[str], port: int, seconds: float = 60) -> None:
    """Wait until the process listens."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    pytest.fail(f"The server does not listen; its exit status: {process.poll()}")


def stop(process: subprocess.Popen[str]) -> None:
    """End a process, and wait for its end."""
    if process.poll() is None:
        process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for stream in (process.stdout, process.stderr):
        if stream:
            stream.close()


@pytest.fixture
def processes() -> Iterator[list[subprocess.Popen[str]]]:
    """The processes that the test starts: none outlives it."""
    started: list[subprocess.Popen[str]] = []
    yield started
    for process in started:
        stop(process)


def start_gunicorn(variables: dict[str, str], log: Path, *options: str) -> Server:
    """Serve the application with gunicorn, which logs to a file, as `variables` configure it."""
    port = free_port()
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", f"-b127.0.0.1:{port}", *options, "wsgi:app"],
            cwd=ROOT,
            env={**os.environ, **variables},
            stdout=output,
            stderr=output,
            text=True,
        )
    try:
        wait_for_port(process, port)
    except BaseException:
        stop(process)
        raise
    return Server(process, f"http://127.0.0.1:{port}")


@pytest.fixture
def gunicorn(
    app: Flask, environment: dict[str, str], processes: list[subprocess.Popen[str]], tmp_path: Path
) -> Callable[..., Server]:
    """Give a function that serves the application's database with real gunicorn workers."""

    def start(*options: str, workers: int = 2, **variables: str) -> Server:
        log = tmp_path / f"gunicorn-{len(processes)}.log"
        server = start_gunicorn({**environment, **variables}, log, f"-w{workers}", *options)
        processes.append(server.process)
        return server

    return start


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say why tests were skipped: once for each reason, not for each test."""
    reasons = Counter(str(report.longrepr[2]) for report in terminalreporter.stats.get("skipped", []))
    for reason, count in reasons.items():
        terminalreporter.write_line(f"{count} tests were skipped: {reason.removeprefix('Skipped: ')}")
