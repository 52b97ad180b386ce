"""SIGHUP: the service restarts in place, and nobody notices."""

import os
import signal
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from notifyhub.process.restart import Inheritance
from tests.process.conftest import Start, add_notifier, end, flask
from tests.simulators import MeliPayamakSimulator, melipayamak
from tests.support.clients import Api
from tests.support.load import Callers, messages_to
from tests.support.processes import Server, children
from tests.support.service import Service, until

SETTINGS = {"token": melipayamak.TOKEN, "number": melipayamak.NUMBER}
NOTIFIER = {"name": "m", "backend": "melipayamak", "settings": SETTINGS}


def restarts(service: Service) -> int:
    return service.err.count("The worker is ready")


def restart(service: Service) -> None:
    """Have the service restart, and return when the old parts have ended."""
    old, before = set(service.parts().values()), restarts(service)
    service.process.send_signal(signal.SIGHUP)
    until(lambda: restarts(service) > before, "new parts are ready", 60)
    until(lambda: not old & service.living(), "the old parts have ended", 60)


@pytest.mark.slow
def test_restarts_refuse_no_call_and_lose_no_message(start: Start) -> None:
    with MeliPayamakSimulator() as console:
        service = start(NOTIFYHUB_MELIPAYAMAK_URL=console.url)
        service.wait_until_it_serves()
        service.wait_until_it_delivers()
        supervisor, key = service.process.pid, service.key
        with Callers(service.port, key, messages_to(add_notifier(service, key))) as callers:
            for _ in range(2):
                time.sleep(0.5)
                restart(service)
        assert (callers.refused, service.process.pid) == ([], supervisor)
        assert len(callers.accepted) > 4
        until(lambda: len(console.journal.counts()) == len(callers.accepted), "all are sent", 60)
        assert set(console.journal.counts().values()) == {1}
    assert service.stop() == 0
    assert service.living() == set()
    assert service.err.count("NotifyHub restarts") == 2
    assert "Traceback" not in service.err
    assert len(service.out.splitlines()) == 1


@pytest.mark.slow
def test_a_sighup_to_all_processes_is_one_to_the_service(start: Start) -> None:
    service = start()
    service.wait_until_it_serves()
    service.wait_until_it_delivers()
    old = service.living() - {service.process.pid}
    assert len(old) > 2
    for process in (service.process.pid, *old):
        os.kill(process, signal.SIGHUP)
    until(lambda: restarts(service) > 1, "new parts are ready", 60)
    until(lambda: not old & service.living(), "the old parts have ended", 60)
    assert service.get("/healthz")[0] == 200
    assert service.stop() == 0
    assert "stopped with status" not in service.err
    assert "SIGHUP" not in service.err


@pytest.mark.slow
def test_an_old_part_that_dies_during_a_restart_ends_the_service_in_one_line(start: Start) -> None:
    slow = (
        "import sys, time\nfrom notifyhub.process.server import application\n"
        "if '--take-over' in sys.argv: application.Server.run = lambda self: time.sleep(30)"
    )
    service = start(first=slow)
    service.wait_until_it_serves()
    service.wait_until_it_delivers()
    worker = service.parts()["worker"]
    service.process.send_signal(signal.SIGHUP)
    until(lambda: restarts(service) > 1, "a new part is ready", 60)
    os.kill(worker, signal.SIGKILL)
    assert service.process.wait(30) == 1
    assert "The worker was killed by SIGKILL: everything is stopped." in service.err
    assert "Traceback" not in service.err
    assert service.living() == set()


@pytest.mark.slow
def test_a_program_that_can_not_start_replaces_nothing(start: Start, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    service = start(first=f"import os, sys\nif os.path.exists({str(broken)!r}): sys.exit('It is broken')")
    service.wait_until_it_serves()
    service.wait_until_it_delivers()
    parts = service.parts()
    broken.touch()
    service.process.send_signal(signal.SIGHUP)
    words = "No restart: the program can't be started anew: It is broken"
    until(lambda: words in service.err, "it says why")
    assert service.parts() == parts
    assert service.get("/healthz")[0] == 200
    broken.unlink()
    restart(service)
    assert service.stop() == 0


@pytest.mark.slow
def test_a_database_that_can_not_be_upgraded_leaves_the_old_parts_running(
    start: Start, tmp_path: Path
) -> None:
    service = start()
    service.wait_until_it_serves()
    service.wait_until_it_delivers()
    parts = service.parts()
    with sqlite3.connect(tmp_path / "instance" / "notifyhub.db") as database:
        database.execute("UPDATE alembic_version SET version_num = 'later'")
    service.process.send_signal(signal.SIGHUP)
    until(lambda: "No restart: The database can't be upgraded: " in service.err, "it says why")
    assert service.parts() == parts
    assert service.get("/healthz")[0] == 200
    assert service.stop() == 0
    assert service.living() == set()


@pytest.mark.slow
def test_new_parts_that_do_not_come_to_serve_are_ended_and_the_old_ones_go_on(start: Start) -> None:
    fails = (
        "import sys\nfrom notifyhub.process.server import application\n"
        "if '--take-over' in sys.argv: application.Server.run = lambda self: sys.exit(9)"
    )
    service = start(first=fails)
    service.wait_until_it_serves()
    service.wait_until_it_delivers()
    parts = service.parts()
    service.process.send_signal(signal.SIGHUP)
    words = "No restart: The server ended by itself with status 9. What ran before goes on"
    until(lambda: words in service.err, "it says why")
    until(lambda: set(parts.values()) == children(service.process.pid), "the new parts have ended")
    assert service.get("/healthz")[0] == 200
    assert service.stop() == 0
    assert service.living() == set()


@pytest.mark.slow
def test_a_worker_restarts_in_place(start: Start, tmp_path: Path) -> None:
    flask({"NOTIFYHUB_INSTANCE": str(tmp_path / "instance")}, "db", "upgrade")
    worker = start("worker", "--beat")
    worker.wait_until_it_delivers()
    worker.process.send_signal(signal.SIGHUP)
    until(lambda: restarts(worker) == 2, "it is ready again", 60)
    assert "The worker restarts" in worker.err
    worker.process.terminate()
    assert end(worker) == 0
    assert "Traceback" not in worker.err


@pytest.mark.slow
def test_gunicorn_restarts_its_processes_without_refusing_a_call(
    gunicorn: Callable[..., Server], token: Callable[..., str], api: Api
) -> None:
    notifier = api.post("/api/notifications/notifiers/sms", NOTIFIER).json["id"]
    server = gunicorn("-k", "notifyhub.process.server.Worker", "--threads=4", "--no-control-socket")
    with Callers(server.port, token(), messages_to(notifier)) as callers:
        for _ in range(2):
            time.sleep(1)
            os.kill(server.process.pid, signal.SIGHUP)
        time.sleep(3)
    assert callers.refused == []
    assert callers.accepted


@pytest.mark.parametrize("parts", [{}, {12: "server"}, {12: "server", 13: "worker"}])
def test_an_inheritance_reads_back_as_it_was_written(parts: dict[int, str]) -> None:
    assert Inheritance.parse(str(Inheritance(5, parts))) == Inheritance(5, parts)


@pytest.mark.parametrize("text", ["", "x", "5,server", "5,server:x", "5,server:1:2"])
def test_an_inheritance_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"values to unpack|invalid literal"):
        Inheritance.parse(text)
