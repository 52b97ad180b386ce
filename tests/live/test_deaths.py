"""Workers that die without a word, or hang: the health tells, and so does the log."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from notifyhub.extensions import db
from notifyhub.webhooks.models import Event
from tests.support.clients import Api
from tests.support.factories import WebhookFactory
from tests.support.processes import Server
from tests.support.rows import context
from tests.support.service import Service, until
from tests.webhooks.receiver import Receiver

pytestmark = pytest.mark.slow

URL = "/api/notifications/health"
GONE = "No worker has been seen since "
BACK = "A worker is there again: there was none since "


def test_workers_that_are_killed_are_missed_and_one_that_comes_is_seen(
    app: Flask,
    environment: dict[str, str],
    gunicorn: Callable[..., Server],
    processes: list[subprocess.Popen[str]],
    tmp_path: Path,
    api: Api,
) -> None:
    with Receiver() as receiver:
        with context(app):
            WebhookFactory(url=receiver.url, events=[Event.WORKER_MISSING, Event.WORKER_RECOVERED])
            db.session.rollback()
        allowing = {**environment, "NOTIFYHUB_WEBHOOK_ALLOW": "127.0.0.1"}
        _kill_workers_and_start_others(allowing, gunicorn, processes, tmp_path, api)
        told = [Event.WORKER_MISSING, Event.WORKER_RECOVERED]
        assert [body["type"] for body in receiver.bodies()] == told


def _kill_workers_and_start_others(
    environment: dict[str, str],
    gunicorn: Callable[..., Server],
    processes: list[subprocess.Popen[str]],
    tmp_path: Path,
    api: Api,
) -> None:
    def worker(name: str, *options: str) -> Service:
        folder = tmp_path / name
        folder.mkdir()
        started = Service(folder, environment, "worker", *options)
        processes.append(started.process)
        return started

    def health() -> Any:
        return api.get(URL).json

    def seen() -> tuple[str, int]:
        found = health()
        return found["status"], len(found["workers"])

    gunicorn("-k", "notifyhub.process.server.Worker")
    assert health()["status"] == "down"
    first, second = worker("first", "--beat"), worker("second")
    until(lambda: seen() == ("ok", 2), "two workers live")
    second.process.kill()
    until(lambda: seen() == ("ok", 1), "one of them is missed", 20)
    killed = time.monotonic()
    first.process.kill()
    until(lambda: health()["status"] == "down", "the other one is missed", 20)
    assert time.monotonic() - killed > 8  # it had been seen within the last 5 seconds
    words = health()["problems"]
    assert words[0].startswith(GONE)
    assert words[1].startswith("No scheduler has been seen since ")
    log = tmp_path / "gunicorn-0.log"
    until(lambda: GONE in log.read_text(), "the log tells")
    third = worker("third")
    until(lambda: seen() == ("degraded", 1), "a worker has come, without a scheduler")
    fourth = worker("fourth", "--beat")
    until(lambda: seen() == ("ok", 2), "and one with a scheduler")
    until(lambda: any(BACK in text for text in (third.err, fourth.err, log.read_text())), "the log tells it")
    texts = [third.err, fourth.err, log.read_text()]
    assert sum(text.count(GONE) for text in texts) == 1
    assert sum(text.count(BACK) for text in texts) == 1
    for stopped in (third, fourth):
        assert stopped.stop() == 0
    assert seen() == ("down", 0)


def test_up_tells_of_its_worker_that_hangs(processes: list[subprocess.Popen[str]], tmp_path: Path) -> None:
    folder = tmp_path / "service"
    folder.mkdir()
    variables = {"NOTIFYHUB_INSTANCE": str(tmp_path / "instance")}
    service = Service(folder, variables, "up", "--workers", "2")
    processes.append(service.process)
    service.wait_until_it_serves()
    service.wait_until_it_delivers()

    def health() -> Any:
        return service.get(URL, Authorization=f"Token {service.key}")[1]["status"]

    until(lambda: health() == "ok", "all is well")
    worker = service.parts()["worker"]
    service.pause(worker)
    try:
        until(lambda: health() == "down", "the worker is missed", 20)
        until(lambda: GONE in service.err, "the log tells", 20)
    finally:
        os.kill(worker, signal.SIGCONT)
    until(lambda: health() == "ok", "the worker is back")
    until(lambda: BACK in service.err, "the log tells it")
    assert (service.err.count(GONE), service.err.count(BACK)) == (1, 1)
    assert service.stop() == 0
