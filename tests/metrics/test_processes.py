"""The metrics of real processes: gunicorn with two of its own, and a worker beside it."""

import json
import os
import signal
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from tests.metrics.exposition import Exposition, read
from tests.metrics.test_monitoring import expressions, labels_of, metrics_of
from tests.simulators import MeliPayamakSimulator, melipayamak
from tests.simulators.server import Reply, Request
from tests.support.environment import on_sqlite
from tests.support.processes import Server
from tests.support.service import Service, until
from tests.webhooks.receiver import Receiver

pytestmark = pytest.mark.slow

SMS = "/api/notifications/notifiers/sms"
MESSAGES = "/api/notifications/messages"
OTP = "/api/notifications/otp"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as started:
        yield started


@pytest.fixture
def variables(console: MeliPayamakSimulator, tmp_path: Path) -> dict[str, str]:
    return {
        "NOTIFYHUB_MELIPAYAMAK_URL": console.url,
        "NOTIFYHUB_INSTANCE": str(tmp_path / "instance"),
        "NOTIFYHUB_REPORT_DELAY": "1",
        "NOTIFYHUB_WEBHOOK_ALLOW": "127.0.0.1",
    }


@pytest.fixture
def server(gunicorn: Callable[..., Server], variables: dict[str, str]) -> Server:
    return gunicorn(workers=2, **variables)


@pytest.fixture
def start_worker(
    environment: dict[str, str], variables: dict[str, str], tmp_path: Path
) -> Iterator[Callable[[], Service]]:
    started: list[Service] = []

    def start() -> Service:
        folder = tmp_path / f"worker-{len(started)}"
        folder.mkdir()
        started.append(Service(folder, {**environment, **variables}, "worker", "--beat"))
        started[-1].wait_until_it_delivers()
        return started[-1]

    yield start
    for worker in started:
        worker.process.kill()
        worker.process.wait(10)


def call(server: Server, key: str, method: str, path: str, body: Any = None, **headers: str) -> Any:
    request = urllib.request.Request(
        server.url + path,
        None if body is None else json.dumps(body).encode(),
        {"Authorization": f"Token {key}", "Content-Type": "application/json", **headers},
        method=method,
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.loads(answer.read() or b"null")


def set_up(server: Server, key: str) -> int:
    """Make a notifier, the default one, and return its id."""
    settings = {"token": melipayamak.TOKEN, "number": melipayamak.NUMBER}
    made = call(server, key, "POST", SMS, {"name": "m", "backend": "melipayamak", "settings": settings})
    call(server, key, "PATCH", "/api/settings/notifications", {"notifications_sms_notifier": made["id"]})
    return int(made["id"])


def request_ids(console: MeliPayamakSimulator, monkeypatch: pytest.MonkeyPatch) -> list[str | None]:
    """Return the list of the ids that calls of the provider will bear."""
    asked: list[str | None] = []
    route = console.route

    def note(request: Request) -> Reply:
        asked.append(request.headers.get("x-request-id"))
        return route(request)

    monkeypatch.setattr(console, "route", note)
    return asked


def delivered(server: Server, key: str, id: int) -> Any:
    def found() -> Any:
        message = call(server, key, "GET", f"{MESSAGES}/{id}")
        return message if message["status"] == "delivered" else None

    return until(found, "the message is delivered")


def test_counts_of_the_server_and_of_the_worker_add_up(
    app: Flask,
    server: Server,
    start_worker: Callable[[], Service],
    token: Callable[..., str],
    console: MeliPayamakSimulator,
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = request_ids(console, monkeypatch)
    key = token()
    notifier = set_up(server, key)
    worker = start_worker()
    for number in range(20):
        call(server, key, "GET", f"{SMS}?limit={number + 1}")
    text = {"channel": "sms", "to": "09121234567", "text": "Hello"}
    named = {"X-Request-ID": "request-of-the-test"}
    ids = [call(server, key, "POST", MESSAGES, text, **named)["id"] for _ in range(3)]
    otp = call(server, key, "POST", OTP, {"to": "09121234568"})
    call(server, key, "POST", f"{OTP}/verify", {"id": otp["id"], "code": "00000"})
    hook = {"url": receiver.url, "events": ["message.delivered"]}
    call(server, key, "POST", "/api/notifications/webhooks", hook)
    for id_ in ids:
        delivered(server, key, id_)
    until(lambda: read(server.url).sum("notifyhub_webhook_lag_seconds_count"), "a webhook is counted")
    until(lambda: read(server.url).named("notifyhub_notifier_credit"), "the credit is read")
    found = read(server.url)
    assert found.sum("notifyhub_http_requests_total", method="GET", route=SMS, status="200") == 20
    assert found.sum("notifyhub_http_request_duration_seconds_count", method="GET", route=SMS) == 20
    of_notifier = {"channel": "sms", "notifier": str(notifier)}
    assert found.sum("notifyhub_messages_total", **of_notifier, status="queued") == 4
    assert found.sum("notifyhub_messages_total", **of_notifier, status="sent") == 4
    assert found.sum("notifyhub_messages_total", **of_notifier, status="delivered") >= 3
    assert found.sum("notifyhub_attempts_total", **of_notifier, outcome="accepted") == 4
    assert found.sum("notifyhub_attempt_duration_seconds_count", **of_notifier) == 4
    assert found.sum("notifyhub_message_sent_seconds_count", channel="sms") == 4
    assert 0 < found.sum("notifyhub_message_sent_seconds_sum", channel="sms") < 60
    assert found.sum("notifyhub_message_delivered_seconds_count", channel="sms") >= 3
    assert found.sum("notifyhub_codes_sent_total", channel="sms", kind="new") == 1
    assert found.sum("notifyhub_code_guesses_total") == 1
    assert found.sum("notifyhub_workers") == 1
    pids = {sample.labels["pid"] for sample in found.named("notifyhub_process_resident_memory_bytes")}
    assert str(worker.process.pid) in pids
    assert len(pids) >= 2
    check_monitoring(found)
    # The id of the request has gone with its messages.
    assert asked.count("request-of-the-test") == 3
    # A worker that dies takes nothing with it.
    worker.process.kill()
    worker.process.wait(10)
    after = read(server.url)
    for name in ("notifyhub_attempts_total", "notifyhub_message_sent_seconds_count"):
        assert after.sum(name) == found.sum(name)
    assert str(worker.process.pid) not in {
        sample.labels["pid"] for sample in after.named("notifyhub_process_resident_memory_bytes")
    }


def check_monitoring(found: Exposition) -> None:
    """Compare what the dashboard and the alert rules name with what is told."""
    told = found.labels()
    for expression in expressions():
        names = metrics_of(expression)
        assert names <= told.keys(), expression
        labels = {label for name in names for label in told[name]}
        assert labels_of(expression) <= labels | {"instance"}, expression


@on_sqlite
def test_a_process_of_the_server_that_is_replaced_loses_nothing(
    app: Flask, server: Server, token: Callable[..., str]
) -> None:
    key = token()

    def counted() -> float:
        return read(server.url).sum("notifyhub_http_requests_total", route=SMS)

    for _ in range(10):
        call(server, key, "GET", SMS)
    assert counted() == 10
    children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children")
    for _ in range(2):
        before = set(children.read_text().split())
        os.kill(int(sorted(before)[0]), signal.SIGKILL)
        until(lambda before=before: len(set(children.read_text().split()) - before) == 1, "it is replaced")
        until(lambda: len(children.read_text().split()) == 2, "both are there")
        time.sleep(0.5)
        assert counted() == 10
    call(server, key, "GET", SMS)
    assert counted() == 11
