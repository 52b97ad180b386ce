"""`notifyhub` commands as processes, none of which outlives its test."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.simulators import melipayamak
from tests.support.environment import ROOT
from tests.support.service import Service

NOTIFIERS = "/api/notifications/notifiers/sms"
MESSAGES = "/api/notifications/messages"
TEXT = {"channel": "sms", "to": "09121234567", "text": "Hello"}

Start = Callable[..., Service]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Give a function that starts `notifyhub` on one instance; whatever the test leaves of it is killed."""
    started: list[Service] = []

    def begin(
        command: str = "up",
        *options: str,
        port: int = 0,
        first: str = "",
        terminal: int | None = None,
        **variables: str,
    ) -> Service:
        folder = tmp_path / f"start-{len(started)}"
        folder.mkdir()
        given = {"NOTIFYHUB_INSTANCE": str(tmp_path / "instance"), **variables}
        options = (*options, "--workers", "1") if command == "up" else options
        started.append(Service(folder, given, command, *options, port=port, first=first, terminal=terminal))
        return started[-1]

    yield begin
    for service in started:
        for process in service.living():
            os.kill(process, signal.SIGKILL)
        service.process.wait(10)


def flask(variables: dict[str, str], *words: str) -> str:
    """Return what a flask command of an installation prints."""
    done = subprocess.run(
        [sys.executable, "-m", "flask", *words],
        cwd=ROOT,
        env={**os.environ, **variables},
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()


def add_notifier(service: Service, key: str) -> int:
    """Store the simulated MeliPayamak's notifier and return its id."""
    settings = {"token": melipayamak.TOKEN, "number": melipayamak.NUMBER}
    body = {"name": "m", "backend": "melipayamak", "settings": settings}
    return int(service.post(NOTIFIERS, body, key)["id"])


def status_of(service: Service, made: dict[str, Any], key: str) -> str:
    _, message = service.get(f"{MESSAGES}/{made['id']}", Authorization=f"Token {key}")
    return str(message["status"])


def end(service: Service, seconds: float = 10) -> int:
    """Return the status with which it ends, after which none of its processes may live."""
    status = service.process.wait(seconds)
    assert service.living() == set()
    return status
