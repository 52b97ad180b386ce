"""The service behind a real PgBouncer in transaction mode, with the file that is shown."""

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from notifyhub.app import create_app
from notifyhub.database import connections, timeouts
from notifyhub.database.connections import autocommit, transaction
from tests.simulators import MeliPayamakSimulator, melipayamak
from tests.support.databases import dispose
from tests.support.environment import ENCRYPTION_KEY, SECRET_KEY
from tests.support.pgbouncer import pgbouncer
from tests.support.service import Service, until

POOL_SIZE = 3
MESSAGES = "/api/notifications/messages"
WANTED = dict(re.findall("-c ([a-z_]+)=([a-zA-Z0-9]+)", connections._POSTGRESQL_OPTIONS))
"""What each connection asks for."""


@pytest.fixture(scope="module")
def direct(empty_database: Callable[[str], str]) -> str:
    """The URL of an empty database, past the pooler."""
    return empty_database("postgresql")


@contextmanager
def application(url: str, folder: Path) -> Iterator[Flask]:
    """Give an application, in its context."""
    app = create_app(variables(url, folder))
    with app.app_context():
        yield app
    dispose(app)


def variables(url: str, folder: Path) -> dict[str, str]:
    return {
        "NOTIFYHUB_DATABASE_URL": url,
        "NOTIFYHUB_INSTANCE": str(folder),
        "NOTIFYHUB_SECRET_KEY": SECRET_KEY,
        "NOTIFYHUB_ENCRYPTION_KEYS": ENCRYPTION_KEY,
    }


def test_the_sessions_of_the_pool_have_the_settings_that_connections_ask_for(
    direct: str, tmp_path: Path
) -> None:
    assert len(WANTED) == 6
    query = text("SELECT extract(epoch FROM current_setting(:name)::interval)")
    with pgbouncer(tmp_path, direct) as url, application(url, tmp_path):
        for name, value in WANTED.items():
            if value.endswith("s"):
                assert f"{autocommit().scalar(query, {'name': name}):.0f}s" == value
            else:
                assert autocommit().scalar(text(f"SHOW {name}")) == value
        with transaction() as connection:
            timeouts.lift(connection)
        assert autocommit().scalar(text("SHOW statement_timeout")) == WANTED["statement_timeout"]


def test_a_pooler_that_drops_them_is_refused_in_words_that_say_what_to_do(
    direct: str, tmp_path: Path
) -> None:
    other = "SET timezone TO ''Asia/Tehran''"
    with (
        pgbouncer(tmp_path, direct, connect_query=other) as url,
        application(url, tmp_path),
        pytest.raises(OperationalError, match="see connect_query in docs"),
    ):
        autocommit()


@pytest.mark.parametrize(("query", "prepares"), [("", True), ("?prepare_threshold=none", False)])
def test_nothing_is_prepared_if_the_url_says_so(
    query: str, prepares: bool, direct: str, tmp_path: Path
) -> None:
    """A statement that a session has prepared is not there in the one that runs the next transaction."""
    with application(f"{direct}{query}", tmp_path):
        for _ in range(10):
            autocommit().execute(text("SELECT 1"))
        assert bool(autocommit().scalar(text("SELECT count(*) FROM pg_prepared_statements"))) is prepares


@pytest.mark.slow
def test_up_migrates_takes_delivers_and_counts_through_few_sessions(direct: str, tmp_path: Path) -> None:
    folder = tmp_path / "service"
    folder.mkdir()
    with (
        MeliPayamakSimulator() as simulator,
        pgbouncer(tmp_path, direct, pool_size=POOL_SIZE) as url,
    ):
        given = {**variables(url, folder), "NOTIFYHUB_MELIPAYAMAK_URL": simulator.url}
        service = Service(folder, given, "up", "--workers", "2")
        try:
            service.wait_until_it_serves()
            key = service.key
            settings = {"token": melipayamak.TOKEN, "number": melipayamak.NUMBER}
            notifier = {"name": "main", "backend": "melipayamak", "settings": settings}
            id_ = service.post("/api/notifications/notifiers/sms", notifier, key)["id"]
            chosen = {"notifications_sms_notifier": id_}
            assert service.request("PATCH", "/api/settings/notifications", chosen, key)[0] == 200

            def post(number: int) -> None:
                body = {"channel": "sms", "to": f"0912{number:07}", "text": "Your order is on its way."}
                service.post(MESSAGES, body, key)
                status, page = service.request("GET", f"{MESSAGES}?status=sent&limit=5", key=key)
                assert (status, len(page["results"]) <= 5) == (200, True)

            with ThreadPoolExecutor(16) as pool:
                list(pool.map(post, range(200)))
            until(lambda: sum(simulator.journal.counts().values()) == 200, "all are delivered", 60)
            assert set(simulator.journal.counts().values()) == {1}
            with psycopg.connect(direct, autocommit=True) as server:
                others = "datname = current_database() AND pid <> pg_backend_pid()"
                (sessions,) = server.execute(
                    f"SELECT count(*) FROM pg_stat_activity WHERE {others}"
                ).fetchone()
            assert sessions <= POOL_SIZE
            status, answer = service.request("GET", "/api/notifications/statistics", key=key)
            assert (status, sum(day["messages"] for day in answer["results"])) == (200, 200)
            status, health = service.request("GET", "/api/notifications/health", key=key)
            assert (status, health["status"]) == (200, "ok"), health
        finally:
            service.stop()
        assert [line for line in service.err.splitlines() if "[error" in line or "[warning" in line] == []
