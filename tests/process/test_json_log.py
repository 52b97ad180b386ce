"""With NOTIFYHUB_LOG_FORMAT=json every line of every process is an object, in trouble too."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.process.conftest import MESSAGES, TEXT, Start, add_notifier
from tests.simulators import MeliPayamakSimulator, melipayamak
from tests.support.environment import ROOT, slow_on_sqlite
from tests.support.processes import Server, free_port
from tests.support.service import Service, until

JSON = {"NOTIFYHUB_LOG_FORMAT": "json"}
OWN = {"event", "level", "logger", "timestamp"}


def lines(text: str) -> list[dict[str, Any]]:
    """Return the lines of a log, each of which has to be an object with the fields that all have."""
    found = [json.loads(line) for line in text.splitlines()]
    assert all(line.keys() >= OWN for line in found)
    return found


def events(service: Service) -> list[str]:
    return [line["event"] for line in lines(service.err)]


@pytest.mark.slow
def test_a_service_from_its_first_start_to_its_stop(start: Start) -> None:
    with MeliPayamakSimulator() as console:
        service = start(NOTIFYHUB_MELIPAYAMAK_URL=console.url, **JSON)
        service.wait_until_it_serves()
        service.wait_until_it_delivers()
        notifier = add_notifier(service, service.key)
        service.post(MESSAGES, {**TEXT, "notifier": notifier}, service.key)
        service.get("/api/%0A{}")
        with closing(socket.create_connection(("127.0.0.1", service.port))) as client:
            client.sendall(b"GET / HTTP/9.9\r\nAuthorization: Token 0912\r\n\r\n")  # gunicorn refuses it
            client.recv(1000)
        service.process.send_signal(signal.SIGHUP)
        until(lambda: service.err.count("The worker is ready") == 2, "it has restarted")
        assert service.stop() == 0
    told = events(service)
    assert "User admin was created. This is its token, which is shown only now:" in told
    assert "NotifyHub has stopped" in told
    assert any("Invalid request" in event for event in told)
    assert melipayamak.TOKEN not in service.err
    assert service.key not in service.err
    assert "9121234567" not in service.err


@pytest.mark.slow
def test_a_message_bears_the_id_of_its_request(start: Start) -> None:
    service = start(NOTIFYHUB_MELIPAYAMAK_URL=f"http://127.0.0.1:{free_port()}", **JSON)
    service.wait_until_it_serves()
    service.wait_until_it_delivers()
    notifier = add_notifier(service, service.key)
    body = {**TEXT, "notifier": notifier}
    status, _ = service.request("POST", MESSAGES, body, service.key, **{"X-Request-ID": "request-1234"})
    assert status == 201

    def of_worker() -> list[dict[str, Any]]:
        return [line for line in lines(service.err) if line["logger"] == "notifyhub.delivery"]

    (line, *_) = until(of_worker, "the attempt has failed")
    assert line["event"].startswith("Message 1 was not taken by sms notifier 1 (m): temporary, unreachable")
    assert line["request_id"] == "request-1234"
    assert service.stop() == 0


@pytest.mark.slow
def test_a_broker_that_is_down(start: Start, processes: list[Any]) -> None:
    service = start(NOTIFYHUB_BROKER_URL=f"amqp://guest:a-broker-password@127.0.0.1:{free_port()}//", **JSON)
    until(lambda: "The broker can't be reached" in service.err, "the broker is missed")
    service.stop()
    assert any("The broker can't be reached" in event for event in events(service))
    assert "a-broker-password" not in service.err


@pytest.mark.slow
def test_a_database_that_is_not_there(start: Start) -> None:
    url = f"postgresql://postgres:a-database-password@127.0.0.1:{free_port()}/none"
    keys = {"NOTIFYHUB_DATABASE_URL": url}
    for command, status in (("up", 1), ("worker", None)):
        service = start(command, **keys, **JSON)
        until(lambda service=service: service.err, "it is missed")
        if status is not None:
            assert service.process.wait(30) == status
        else:
            service.stop()
        told = events(service)
        assert told
        assert not [event for event in told if event.startswith("Error")]
        assert "a-database-password" not in service.err


@pytest.mark.slow
def test_a_port_that_is_taken(start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        service = start(port=taken.getsockname()[1], **JSON)
        assert service.process.wait(30) == 1
    (told,) = lines(service.err)
    assert told["level"] == "error"
    assert told["event"].startswith("Can't listen at 127.0.0.1")


FAULTS = {
    "a thread": "threading.Thread(target=lambda: 1 / 0, name='doomed').start()",
    "a warning": "warnings.warn('Beware of +989121234567')",
    "a finalizer": "type('Bad', (), {'__del__': lambda self: 1 / 0})()",
    "an error": "raise RuntimeError('of ali@example.com')",
}


@pytest.mark.parametrize("style", ["json", pytest.param("console", marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    "fault",
    [fault if fault == "an error" else pytest.param(fault, marks=pytest.mark.slow) for fault in FAULTS],
)
def test_what_nothing_catches(tmp_path: Path, fault: str, style: str) -> None:
    program = f"""
import threading, warnings
from notifyhub import cli
app = cli._service()
{FAULTS[fault]}
"""
    done = subprocess.run(
        [sys.executable, "-W", "default", "-c", program],
        cwd=ROOT,
        env={**os.environ, "NOTIFYHUB_INSTANCE": str(tmp_path / "instance"), "NOTIFYHUB_LOG_FORMAT": style},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == (fault == "an error")
    if style == "json":
        (line,) = lines(done.stderr)
        assert line["level"] in {"warning", "error", "critical"}
    assert ("ZeroDivisionError" in done.stderr) == (fault in {"a thread", "a finalizer"})
    assert "9121234567" not in done.stderr
    assert "ali@example.com" not in done.stderr


@pytest.mark.slow
def test_a_part_that_dies(start: Start) -> None:
    service = start(**JSON)
    service.wait_until_it_serves()
    service.wait_until_it_delivers()
    os.kill(service.parts()["worker"], signal.SIGKILL)
    assert service.process.wait(30) == 1
    assert events(service)[-1] == "The worker was killed by SIGKILL: everything is stopped."


@pytest.mark.slow
@slow_on_sqlite
def test_what_gunicorn_s_workers_say_is_in_the_form_of_the_log(
    environment: dict[str, str], gunicorn: Callable[..., Server], tmp_path: Path
) -> None:
    server = gunicorn("-k", "notifyhub.process.server.Worker", workers=1, **JSON)
    with closing(socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2])))) as client:
        client.sendall(b"GET / HTTP/9.9\r\nAuthorization: Token 0912\r\n\r\n")
        client.recv(1000)
    log = tmp_path / "gunicorn-0.log"
    until(lambda: "Invalid request" in log.read_text(), "it is told")
    text = log.read_text()
    own = [line for line in text.splitlines() if not line.startswith("{")]
    assert [line for line in own if "Invalid request" in line] == []
    (told,) = [
        line for line in lines("\n".join(set(text.splitlines()) - set(own))) if "Invalid" in line["event"]
    ]
    assert (told["logger"], told["level"]) == ("gunicorn.error", "warning")
