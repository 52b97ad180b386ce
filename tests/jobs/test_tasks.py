"""What comes from the broker: it says which rows, and nothing else of it is taken."""

import sqlite3
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import OperationalError

from notifyhub.database.confidential import KeysDoNotFit
from notifyhub.database.outages import OutageLog
from notifyhub.delivery import due_messages, tasks
from notifyhub.extensions import celery
from notifyhub.jobs import queues, worker
from notifyhub.jobs.queues import Job
from tests.support.environment import on_sqlite

pytestmark = on_sqlite

DELIVER, PURGE = due_messages.DELIVER, "notifyhub.purge_otps"
WEBHOOK, REPORTS = "notifyhub.deliver_webhook", tasks.FETCH_REPORTS


class Publisher:
    """Keeps what would be published."""

    def __init__(self) -> None:
        self.published: list[tuple[str, list[Job]]] = []

    def publish(self, jobs: list[Job], name: str) -> bool:
        self.published.append((name, jobs))
        return True


@pytest.fixture
def published(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, list[Job]]]]:
    """Give what tasks publish, which run as a worker runs them."""
    publisher = Publisher()
    monkeypatch.setitem(app.extensions, "publisher", publisher)
    monkeypatch.setattr(celery, "flask_app", app, raising=False)
    return publisher.published


def run(name: str, /, *args: Any, **named: Any) -> None:
    celery.tasks[name](*args, **named)


@pytest.mark.parametrize(
    ("task", "args", "named"),
    [
        (DELIVER, ([1], "messages"), {}),
        (DELIVER, ([1], 3), {}),
        (DELIVER, (), {}),
        (DELIVER, (1,), {}),
        (DELIVER, ({"1": 1},), {}),
        (DELIVER, ([1],), {"name": "messages"}),
        (DELIVER, (["1"],), {}),
        (DELIVER, ([1, True],), {}),
        (DELIVER, ([2**63],), {}),
        (DELIVER, ([0],), {}),
        (DELIVER, ([[1]],), {}),
        (WEBHOOK, ({"id": 1},), {}),
        (REPORTS, ([1.5],), {}),
        (REPORTS, (1,), {}),
        (PURGE, (1,), {}),
    ],
)
def test_a_call_that_we_never_publish_is_refused_with_a_line_of_the_log(
    published: list[Any],
    caplog: pytest.LogCaptureFixture,
    task: str,
    args: tuple[Any, ...],
    named: dict[str, Any],
) -> None:
    run(task, *args, **named)
    assert published == []
    assert caplog.messages == [f"Refused a call of {task}: its arguments are not what we publish"]


values = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=8) | st.integers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=6,
)


received: list[Any] = []


@tasks.task("tests.receive")
def receive(ids: list[int]) -> None:
    received.extend(ids)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values)
def test_whatever_a_message_holds_a_task_gets_ids_alone(published: list[Any], value: Any) -> None:
    received.clear()
    run("tests.receive", value)
    assert all(type(one) is int and 0 < one < 2**63 for one in received)


def test_a_list_of_ids_is_taken(published: list[Any]) -> None:
    received.clear()
    run("tests.receive", [1, 2])
    assert received == [1, 2]


def test_workers_take_json_alone(app: Flask) -> None:
    options = worker.celery_options("memory://", {}, [queues.named_queue("x", queues.MESSAGES)])
    assert options["accept_content"] == ["json"]


def test_a_database_that_is_away_is_told_in_one_line_however_many_calls_meet_it(
    app: Flask, published: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    cause = sqlite3.OperationalError("unable to open database file")
    cause.sqlite_errorcode = sqlite3.SQLITE_CANTOPEN

    @tasks.task("tests.away")
    def away() -> None:
        raise OperationalError("SELECT 1", {}, cause)

    app.extensions["outage_log"] = OutageLog()
    for _ in range(3):
        run("tests.away")
    assert caplog.messages == ["The database does not answer: unable to open database file"]


def test_keys_that_do_not_fit_any_more_are_told_likewise(
    app: Flask, published: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    @tasks.task("tests.keys")
    def read() -> None:
        raise KeysDoNotFit("webhooks", 3)

    app.extensions["outage_log"] = OutageLog()
    run("tests.keys")
    assert caplog.messages == ["None of the keys fits webhooks 3: nothing was changed."]


def test_any_other_error_of_a_task_is_the_workers_to_tell(app: Flask, published: list[Any]) -> None:
    @tasks.task("tests.mistake")
    def mistake() -> None:
        raise OperationalError("SELEC", {}, sqlite3.OperationalError("syntax error"))

    with pytest.raises(OperationalError):
        run("tests.mistake")
