"""`/readyz`, with every kind of broker, there or not."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text

from notifyhub.api import health
from notifyhub.api.health import Probe, ReadinessSchema
from notifyhub.extensions import db
from tests.support import brokers
from tests.support.clients import Answer, Api
from tests.support.environment import on_sqlite
from tests.support.processes import free_port

PREFIX = brokers.prefix()


@pytest.fixture
def with_broker(other_app: Callable[..., Flask], request: pytest.FixtureRequest) -> Callable[[str], Api]:
    """Give a function that returns the client of an application with a broker."""

    def make(broker: str) -> Api:
        app = other_app(NOTIFYHUB_BROKER_URL=broker, NOTIFYHUB_QUEUE_PREFIX=PREFIX)
        request.addfinalizer(app.extensions["publisher"]._drop)
        return Api(app.test_client(), None)

    return make


@pytest.fixture
def ready(with_broker: Callable[[str], Api]) -> Callable[[str], Answer]:
    """Give a function that asks an application with a broker whether it is ready."""
    return lambda broker: with_broker(broker).get("/readyz")


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port at which connections are taken and nothing is ever said."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.mark.parametrize("broker", brokers.KINDS)
def test_it_is_ready_with_a_database_and_a_broker(ready: Callable[[str], Answer], broker: str) -> None:
    url = brokers.broker_url(broker)
    answer = ready(url)
    brokers.delete_queues(url, PREFIX)
    assert (answer.status, answer.json) == (200, {"status": "ok", "database": "ok", "broker": "ok"})
    assert set(answer.json) == set(ReadinessSchema().fields)


@pytest.mark.parametrize("scheme", ["amqp", "redis"])
def test_a_closed_port_of_the_broker_is_told_at_once(with_broker: Callable[[str], Api], scheme: str) -> None:
    api = with_broker(f"{scheme}://user:hunter2@127.0.0.1:{free_port()}")
    started = time.monotonic()
    answer = api.get("/readyz")
    assert time.monotonic() - started < 1
    assert (answer.status, answer.json) == (
        503,
        {"status": "unavailable", "database": "ok", "broker": "no answer"},
    )


@pytest.mark.slow
@on_sqlite
@pytest.mark.parametrize("scheme", ["amqp", "redis"])
def test_a_broker_that_says_nothing_is_not_waited_for(
    with_broker: Callable[[str], Api], silent_port: int, scheme: str
) -> None:
    api = with_broker(f"{scheme}://127.0.0.1:{silent_port}")
    started = time.monotonic()
    answer = api.get("/readyz")
    assert time.monotonic() - started < 2
    assert (answer.status, answer.json["broker"]) == (503, "no answer")


@on_sqlite
def test_a_folder_that_is_gone_is_no_broker(app: Flask, anonymous: Api) -> None:
    folder = Path(app.instance_path) / "queue"
    away = folder.rename(folder.with_name("away"))
    try:
        time.sleep(health.PROBE_VALID_SECONDS)
        assert anonymous.get("/readyz").json["broker"] == "no answer"
    finally:
        away.rename(folder)


def test_a_database_without_tables_is_told(
    other_app: Callable[..., Flask], empty_database: Callable[[str], str]
) -> None:
    bare = other_app(NOTIFYHUB_DATABASE_URL=empty_database("sqlite"))
    answer = Api(bare.test_client(), None).get("/readyz")
    assert (answer.status, answer.json["database"]) == (503, "not migrated")
    with bare.app_context(), db.engine.connect() as connection:
        assert connection.scalar(text("SELECT 1")) == 1


def test_of_many_who_ask_at_once_one_asks_the_broker(app: Flask) -> None:
    asked = []
    answer = threading.Event()

    def ask() -> bool:
        asked.append(1)
        return answer.wait(10)

    probe = Probe(app, ask)
    with ThreadPoolExecutor(20) as pool:
        waiting = [pool.submit(probe.answers) for _ in range(20)]
        time.sleep(0.1)
        answer.set()
        assert [future.result() for future in waiting] == [True] * 20
    assert probe.answers()
    assert len(asked) == 1


def test_an_answer_is_asked_for_again_when_it_is_old(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([True, False])
    probe = Probe(app, lambda: next(answers))
    assert probe.answers()
    assert probe.answers()
    monkeypatch.setattr(probe, "_fresh_until", 0.0)
    assert not probe.answers()


def test_a_check_that_fails_says_no_and_why(app: Flask, caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> bool:
        raise ValueError("On purpose")

    assert not Probe(app, fail).answers()
    assert "On purpose" in caplog.text
