"""Due messages: how soon and how many together their ids are on the broker, and that none is lost."""

import os
import signal
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
import time_machine
import urllib3
from flask import Flask

from notifyhub.database.base import now
from notifyhub.delivery import due_messages, recovery
from notifyhub.delivery.due_messages import DELIVER, DELIVER_CODE
from notifyhub.jobs import buffer, queues
from tests.messages.accounts import MESSAGES, make_accounts
from tests.messages.bodies import email, sms
from tests.reliability.proxy import Proxy
from tests.support import brokers
from tests.support.brokers import AppAt, taken
from tests.support.clients import Api
from tests.support.environment import on_sqlite
from tests.support.processes import Server
from tests.support.service import until

pytestmark = on_sqlite

NEVER = "from notifyhub.jobs import buffer; buffer.LINGER_SECONDS = 3600"
"""What makes a process enqueue nothing before it ends."""
OURS, GTHREAD = ("-k", "notifyhub.process.server.Worker", "--threads=4"), ("-k", "gthread", "--threads=4")


@pytest.fixture
def client(app_at: AppAt, token: Callable[..., str]) -> Callable[[str], tuple[Flask, Api]]:
    """Give a function that returns an application at a broker, with notifiers, and a client of it."""

    def make(url: str) -> tuple[Flask, Api]:
        app = app_at(url)
        make_accounts(app)
        return app, Api(app.test_client(), token())

    return make


Client = Callable[[str], tuple[Flask, Api]]


def posted(api: Api) -> int:
    answer = api.post(MESSAGES, sms())
    assert answer.status == 201
    return int(answer.json["id"])


def test_requests_within_a_few_milliseconds_make_one_job(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(buffer, "LINGER_SECONDS", 0.5)
    app, api = client("")
    ids = [posted(api) for _ in range(5)]
    assert taken(app) == []
    jobs = until(lambda: taken(app), "the job is on the broker")
    assert jobs == [(DELIVER, [ids])]


def test_a_lone_request_is_enqueued_by_itself(client: Client) -> None:
    app, api = client("")
    made = posted(api)
    assert until(lambda: taken(app), "the job is on the broker") == [(DELIVER, [[made]])]


def test_a_code_and_a_bulk_are_on_the_broker_when_they_are_answered(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(buffer, "LINGER_SECONDS", 3600)
    app, api = client("")
    single = posted(api)
    code = api.post("/api/notifications/otp", {"to": "09121234567"}).json["message"]
    assert taken(app, queues.CODES) == [(DELIVER_CODE, [code])]
    assert api.post(f"{MESSAGES}/bulk", {"messages": [sms(), email(), sms()]}).status == 201
    ((task, (ids,)),) = taken(app)
    assert (task, len(ids), single in ids) == (DELIVER, 3, False)


Serve = Callable[..., Server]


@pytest.fixture
def serve(gunicorn: Callable[..., Server], tmp_path: Path) -> Serve:
    """Give a function that serves an application with one worker, which enqueues nothing before it ends."""
    (tmp_path / "gunicorn.py").write_text(NEVER)

    def start(app: Flask, *options: str) -> Server:
        variables = {
            "NOTIFYHUB_BROKER_URL": app.config["BROKER_URL"].removeprefix("filesystem://"),
            "NOTIFYHUB_QUEUE_PREFIX": app.config["QUEUE_PREFIX"],
            "NOTIFYHUB_INSTANCE": app.instance_path,
        }
        return gunicorn(f"-c{tmp_path}/gunicorn.py", *options, workers=1, **variables)

    return start


def post(server: Server, key: str) -> int:
    """Send a message over HTTP, and return its id."""
    headers = {"Authorization": f"Token {key}"}
    answer = urllib3.request("POST", server.url + MESSAGES, json=sms(), headers=headers, timeout=30)
    assert answer.status == 201
    return int(answer.json()["id"])


@pytest.mark.parametrize(
    ("kind", "worker"),
    [
        pytest.param("filesystem", OURS, marks=pytest.mark.slow),
        pytest.param("rabbitmq", GTHREAD, marks=pytest.mark.slow),
        pytest.param("filesystem", GTHREAD, marks=pytest.mark.slow),
        pytest.param("rabbitmq", OURS, marks=pytest.mark.slow),
    ],
)
def test_a_worker_that_is_told_to_stop_enqueues_what_is_pending(
    client: Client, serve: Serve, kind: str, worker: tuple[str, ...]
) -> None:
    app, api = client(brokers.broker_url(kind))
    server = serve(app, *worker)
    ids = [post(server, str(api.token)) for _ in range(3)]
    assert taken(app) == []
    server.stop()
    assert until(lambda: taken(app), "the job is on the broker") == [(DELIVER, [ids])]


@pytest.mark.slow
def test_a_message_whose_process_is_killed_is_called_for_by_the_dispatcher(
    client: Client, serve: Serve
) -> None:
    app, api = client("")
    server = serve(app, *OURS)
    made = post(server, str(api.token))
    (worker,) = children(server.process.pid)
    os.kill(worker, signal.SIGKILL)
    until(lambda: not Path(f"/proc/{worker}").exists(), "the worker is gone")
    assert taken(app) == []
    with app.app_context():
        assert recovery.recover().enqueued == 0
        with time_machine.travel(now() + timedelta(seconds=11)):
            assert recovery.recover().enqueued == 1
    assert taken(app) == [(DELIVER, [[made]])]


def children(process: int) -> list[int]:
    """Return the processes that another one has started."""
    return [int(each) for each in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def test_a_broker_that_is_down_holds_no_request_up_and_what_it_missed_is_called_for(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queues, "BROKER_PAUSE_SECONDS", 0.3)
    url = brokers.broker_url("rabbitmq")
    with Proxy(5672) as proxy:
        app, api = client(url.replace(":5672", f":{proxy.port}"))
        proxy.close()
        missed = [posted(api) for _ in range(3)]
        flush(app)
        proxy.open()
        time.sleep(0.4)
        made = posted(api)
        flush(app)
        assert until(lambda: taken(app), "the job is on the broker") == [(DELIVER, [[made]])]
        with app.app_context(), time_machine.travel(now() + timedelta(seconds=11)):
            assert recovery.recover().enqueued == 4  # the last one's job has been taken, too
        ((_, (ids,)),) = until(lambda: taken(app), "what was missed is on the broker")
        assert sorted(ids) == [*missed, made]
        with app.app_context():
            queues.publisher().close()
        brokers.delete_queues(app.config["BROKER_URL"], app.config["QUEUE_PREFIX"])


def flush(app: Flask) -> None:
    with app.app_context():
        due_messages.buffer().flush()
