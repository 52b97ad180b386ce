"""What takes too long on PostgreSQL is ended, and answered 503; what may take long is not."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
import pytest
from flask import Flask
from flask_migrate import downgrade, upgrade
from sqlalchemy import Connection, select, text, true

from notifyhub.auth.models import User
from notifyhub.database import connections, migrations, rotation, timeouts
from notifyhub.database.base import table_of
from notifyhub.database.connections import autocommit, orm_session, transaction
from notifyhub.database.purge import in_batches
from notifyhub.extensions import db
from tests.support.clients import Api
from tests.support.environment import on_postgresql
from tests.support.factories import UserFactory

pytestmark = on_postgresql

SMS = "/api/notifications/notifiers/sms"
LATE = {"detail": "The database can't be reached at the moment."}
NOTIFIER = {"name": "a", "backend": "melipayamak", "settings": {"token": "x"}}
IN_FORCE = {"statement_timeout": "30s", "lock_timeout": "10s", "idle_in_transaction_session_timeout": "1min"}


@contextmanager
def locked(app: Flask, table: str, mode: str = "ACCESS EXCLUSIVE") -> Iterator[psycopg.Connection]:
    """Hold a lock on a table, as another process would."""
    with app.app_context():
        url = db.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(url) as other:
        other.execute(f"LOCK TABLE {table} IN {mode} MODE")  # type: ignore[arg-type]
        yield other


def in_force(connection: Connection) -> dict[str, str]:
    return {name: str(connection.scalar(text(f"SHOW {name}"))) for name in IN_FORCE}


@pytest.fixture
def impatient(
    request: pytest.FixtureRequest,
    api: Api,
    other_app: Callable[..., Flask],
    monkeypatch: pytest.MonkeyPatch,
) -> Api:
    """A client of an application with other time-outs, which the parameter gives as libpq's options."""
    monkeypatch.setattr(connections, "_POSTGRESQL_OPTIONS", f"-c timezone=UTC {request.param}")
    return Api(other_app().test_client(), api.token)


def test_they_hold_for_every_connection_and_are_lifted_in_a_transaction_alone(app: Flask) -> None:
    with app.app_context():
        assert in_force(autocommit()) == IN_FORCE
        with transaction() as connection:
            timeouts.lift(connection)
            assert in_force(connection) == dict.fromkeys(IN_FORCE, "0")
        assert in_force(autocommit()) == IN_FORCE
        with orm_session() as session:
            assert in_force(session.connection()) == IN_FORCE
            timeouts.lift(session.connection(), lock_seconds=1.5)
            assert in_force(session.connection()) == {
                **dict.fromkeys(IN_FORCE, "0"),
                "lock_timeout": "1500ms",
            }


@pytest.mark.parametrize(
    "impatient", ["-c lock_timeout=300ms", "-c statement_timeout=300ms"], indirect=True, ids=["lock", "all"]
)
def test_what_takes_too_long_is_answered_503_and_logged_in_one_line(
    app: Flask, impatient: Api, capsys: pytest.CaptureFixture[str]
) -> None:
    assert impatient.get(SMS).status == 200
    capsys.readouterr()
    began = time.monotonic()
    with locked(app, "sms_notifiers"):
        for answer in (impatient.get(SMS), impatient.post(SMS, NOTIFIER), impatient.get(f"{SMS}/1")):
            assert (answer.status, answer.json, answer.headers["Retry-After"]) == (503, LATE, "5")
        assert impatient.get("/api/me").status == 200
    assert time.monotonic() - began < 3  # each of them once
    logged = [line for line in capsys.readouterr().err.splitlines() if "notifyhub.access" not in line]
    assert len(logged) == 1
    assert "The database does not answer: canceling statement due to" in logged[0]
    assert impatient.post(SMS, NOTIFIER).status == 201
    assert impatient.get(SMS).json["count"] == 1


@pytest.mark.parametrize("impatient", ["-c idle_in_transaction_session_timeout=200ms"], indirect=True)
def test_a_transaction_that_nobody_goes_on_with_is_undone_and_answered_503(
    app: Flask, impatient: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dawdle() -> dict[str, str]:
        with transaction() as connection:
            connection.execute(select(1))
            time.sleep(0.6)
            connection.execute(select(1))
        return {}

    monkeypatch.setitem(impatient.client.application.view_functions, "auth.me", dawdle)
    assert (impatient.get("/api/me").status, impatient.get(SMS).status) == (503, 200)


def test_clearing_and_re_encrypting_may_take_long(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[dict[str, str]] = []
    users = table_of(User)
    with app.app_context():
        UserFactory()
        in_batches(users, true(), users.c.id, lambda connection, _ids: seen.append(in_force(connection)))
    monkeypatch.setattr(
        rotation, "_rotate", lambda session, *_: seen.append(in_force(session.connection())) or 0
    )
    assert app.test_cli_runner().invoke(args=["keys", "rotate"]).exit_code == 0
    assert len(seen) > 1
    assert all(one == dict.fromkeys(IN_FORCE, "0") for one in seen)


@pytest.fixture
def behind(
    empty_database: Callable[[str], str], other_app: Callable[..., Flask], monkeypatch: pytest.MonkeyPatch
) -> Flask:
    """An application whose next migration changes a table that is read all the time."""
    monkeypatch.setattr(migrations, "LOCK_SECONDS", 0.3)
    monkeypatch.setattr(migrations, "PAUSE_SECONDS", 0.3)
    app = other_app(NOTIFYHUB_DATABASE_URL=empty_database("postgresql"))
    with app.app_context():
        upgrade(revision="0002")
    return app


@pytest.mark.slow
def test_a_migration_stops_nobody_for_long_and_goes_on_when_the_table_is_free(
    behind: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    """Readers that come while it waits for an earlier one are let through after LOCK_SECONDS."""
    waits = []
    with locked(behind, "messages", "ACCESS SHARE") as reader:

        def migrate() -> None:
            with behind.app_context():
                upgrade(revision="0003")

        migration = threading.Thread(target=migrate)
        migration.start()
        with locked(behind, "users", "ACCESS SHARE") as another:
            for _ in range(15):
                began = time.monotonic()
                another.execute("SELECT count(*) FROM messages")
                another.commit()
                waits.append(time.monotonic() - began)
                time.sleep(0.1)
        assert migration.is_alive()
        reader.commit()
        migration.join(20)
    assert not migration.is_alive()
    assert max(waits) < 1
    assert "A migration waits for a table that others use, and is tried again" in caplog.messages
    with behind.app_context():
        assert db.session.scalar(text("SELECT version_num FROM alembic_version")) == "0003"


def test_a_migration_that_gets_no_lock_changes_nothing_and_says_why(
    behind: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations, "TRIED_SECONDS", 0.5)
    runner = behind.test_cli_runner()
    with locked(behind, "messages", "ACCESS SHARE"):
        done = runner.invoke(args=["db", "upgrade", "0003"])
        assert done.exit_code != 0
        assert (
            "Others use a table that is to be changed: nothing was changed."
            in f"{done.output}{done.exception}"
        )
    with behind.app_context():
        assert db.session.scalar(text("SELECT version_num FROM alembic_version")) == "0002"
        downgrade(revision="base")
