"""`notifyhub up` and `notifyhub worker` as processes: what they deliver, and how they end."""

import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from tests.process.conftest import MESSAGES, TEXT, Start, add_notifier, end, flask, status_of
from tests.simulators import MeliPayamakSimulator
from tests.support.processes import free_port
from tests.support.service import READY, processes_of, until


def test_messages_are_delivered_with_nothing_but_the_embedded_default(start: Start, tmp_path: Path) -> None:
    with MeliPayamakSimulator() as console:
        service = start(NOTIFYHUB_MELIPAYAMAK_URL=console.url, NOTIFYHUB_REPORT_DELAY="1")
        service.wait_until_it_serves()
        notifier = add_notifier(service, service.key)
        test_key = flask(
            {"NOTIFYHUB_INSTANCE": str(tmp_path / "instance")}, "tokens", "issue", "admin", "--test"
        )
        body = {**TEXT, "notifier": notifier}
        sent = {key: service.post(MESSAGES, body, key) for key in (service.key, test_key)}
        for key, made in sent.items():
            until(lambda key=key, made=made: status_of(service, made, key) == "delivered", "it is delivered")
        assert [message.text for message in console.journal.messages()] == ["Hello"]
    service.process.terminate()
    assert end(service) == 0
    lines = [line for line in service.err.splitlines() if "[notifyhub.access]" not in line]
    words = (
        "This is its token",
        (
            f"NotifyHub listens at http://127.0.0.1:{service.port}, "
            f"console: http://127.0.0.1:{service.port}/console, "
            f"documentation: http://127.0.0.1:{service.port}/api/docs, data: {tmp_path / 'instance'}"
        ),
        "The worker is ready",
        "NotifyHub stops",
        "has stopped",
        "has stopped",
        "NotifyHub has stopped",
    )
    assert len(lines) == len(words)
    for line, expected in zip(lines, words, strict=True):
        assert expected in line
    assert len(service.out.splitlines()) == 1


@pytest.mark.parametrize(
    ("number", "target"),
    [
        pytest.param(signal.SIGTERM, "process", marks=pytest.mark.slow),
        pytest.param(signal.SIGINT, "process", marks=pytest.mark.slow),
        pytest.param(signal.SIGINT, "group", marks=pytest.mark.slow),
        pytest.param(signal.SIGTERM, "everything", marks=pytest.mark.slow),
    ],
    ids=lambda value: getattr(value, "name", value),
)
def test_a_signal_ends_everything_cleanly(start: Start, number: signal.Signals, target: str) -> None:
    """Ctrl-C reaches the foreground group; systemd sends SIGTERM to every process that there is."""
    service = start()
    service.wait_until_it_delivers()
    with socket.create_connection(("127.0.0.1", service.port)) as idle:  # a client that keeps its connection
        idle.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert idle.recv(100).startswith(b"HTTP/1.1 200")
        if target == "group":
            os.killpg(service.process.pid, number)
        elif target == "process":
            os.kill(service.process.pid, number)
        else:
            for process in sorted(service.living(), reverse=True):
                os.kill(process, number)
        assert end(service, 9) == 0  # a part that must be killed takes longer
    assert "Error" not in service.err
    assert "Traceback" not in service.err
    assert len(service.out.splitlines()) == 1


@pytest.mark.parametrize(
    "moment", [0.5, 1.0, *(pytest.param(later, marks=pytest.mark.slow) for later in (0.8, 1.2, 1.5))]
)
def test_sigterm_at_any_moment_of_the_start_ends_everything(start: Start, moment: float) -> None:
    service = start()
    time.sleep(moment)
    service.process.terminate()
    assert end(service) in {0, -signal.SIGTERM}  # the latter while Python still loads the code
    assert "Traceback" not in service.err
    assert service.out == "" or len(service.out.splitlines()) == 1


KILLED, ENDED = "was killed by SIGKILL", "ended by itself with status 0"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("part", "number", "words"),
    [
        ("server", signal.SIGTERM, ENDED),
        ("worker", signal.SIGKILL, KILLED),
        ("server", signal.SIGKILL, KILLED),
        ("worker", signal.SIGTERM, ENDED),
    ],
)
def test_a_part_that_ends_takes_all_others_with_it(
    start: Start, part: str, number: signal.Signals, words: str
) -> None:
    service = start()
    service.wait_until_it_serves()
    service.wait_until_it_delivers()
    os.kill(service.parts()[part], number)
    assert end(service) == 1
    assert service.err.splitlines()[-1] == f"Error: The {part} {words}: everything is stopped."
    assert service.err.count("Error") == 1


def test_a_stop_enqueues_what_is_pending(start: Start, tmp_path: Path) -> None:
    service = start(first="from notifyhub.jobs import buffer; buffer.LINGER_SECONDS = 3600")
    service.wait_until_it_serves()
    notifier, parts = add_notifier(service, service.key), service.parts()
    service.pause(parts["worker"])  # which would take the job
    service.post(MESSAGES, {**TEXT, "notifier": notifier}, service.key)
    queue = tmp_path / "instance" / "queue"
    assert list(queue.glob("*/*.msg")) == []
    os.kill(parts["server"], signal.SIGTERM)
    (job,) = until(lambda: list(queue.glob("*.messages/*.msg")), "the job is in the queue's folder")
    assert json.loads(job.read_text())["headers"]["task"] == "notifyhub.deliver"


@pytest.mark.slow
def test_the_parts_do_not_outlive_their_supervisor(start: Start) -> None:
    service = start()
    service.wait_until_it_serves()
    service.wait_until_it_delivers()
    assert len(service.living()) == 4
    service.process.kill()
    until(lambda: not service.living(), "all parts have ended", 5)
    assert "Traceback" not in service.err


@pytest.mark.slow
def test_two_on_one_instance_send_nothing_twice(start: Start) -> None:
    with MeliPayamakSimulator() as console:
        services = [start(NOTIFYHUB_MELIPAYAMAK_URL=console.url) for _ in range(2)]
        for service in services:
            service.wait_until_it_serves()
            service.wait_until_it_delivers()
        (key,) = "".join(service.out for service in services).split()
        notifier = add_notifier(services[0], key)
        numbers = [f"0912000{number:04}" for number in range(60)]
        for half, service in enumerate(services):
            recipients = [{"to": number} for number in numbers[half::2]]
            common = {"channel": "sms", "text": "Hello", "notifier": notifier}
            service.post(f"{MESSAGES}/bulk", {"common": common, "recipients": recipients}, key)
        until(lambda: len(console.journal.counts()) == len(numbers), "all are sent")
        assert services[0].stop() == 0
        assert services[1].get("/readyz") == (200, READY)
        assert services[1].stop() == 0
        assert set(console.journal.counts().values()) == {1}
    for service in services:
        assert service.living() == set()
        assert "Traceback" not in service.err


@pytest.mark.slow
def test_a_worker_waits_for_the_database_and_the_broker(start: Start, tmp_path: Path, redis_url: str) -> None:
    port, prefix = free_port(), f"up-{os.getpid()}"
    waiting = start(
        "worker", "--beat", NOTIFYHUB_BROKER_URL=f"redis://127.0.0.1:{port}", NOTIFYHUB_QUEUE_PREFIX=prefix
    )
    until(lambda: "Waiting for the database" in waiting.err, "it waits for the database")
    flask({"NOTIFYHUB_INSTANCE": str(tmp_path / "instance")}, "db", "upgrade")
    until(lambda: "The broker can't be reached" in waiting.err, "it waits for the broker")
    waiting.process.terminate()
    assert end(waiting) == 0

    ready = start("worker", "--concurrency=2", NOTIFYHUB_BROKER_URL=redis_url, NOTIFYHUB_QUEUE_PREFIX=prefix)
    ready.wait_until_it_delivers()
    ready.process.send_signal(signal.SIGINT)
    assert end(ready) == 0
    assert len(ready.err.splitlines()) == 1
    for worker in (waiting, ready):
        assert worker.out == ""
        assert "Traceback" not in worker.err


def test_a_broker_that_cannot_be_used_is_told_in_one_line(start: Start) -> None:
    service = start(NOTIFYHUB_BROKER_URL="redis://127.0.0.1/hunter2")
    assert end(service) == 3
    assert service.err.startswith("NOTIFYHUB_BROKER_URL must be ")
    assert service.err.count("\n") == 1
    assert "hunter2" not in service.err
    assert service.out == ""


def supervise(tmp_path: Path, body: str) -> subprocess.CompletedProcess[str]:
    """Run a few lines in a process that has a Supervisor, `parts`; nothing of it lives on."""
    code = (
        "import os, signal, subprocess, sys, time\n"
        "from notifyhub.process import supervisor\n"
        "supervisor.STOP_SECONDS = 1\n"
        "with supervisor.Supervisor() as parts:\n" + textwrap.indent(textwrap.dedent(body), "    ")
    )
    mark = f"TESTED_SERVICE={tmp_path}"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "TESTED_SERVICE": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert processes_of(mark) == set()
    return done


def last_line(done: subprocess.CompletedProcess[str]) -> str:
    return done.stderr.splitlines()[-1]


SLEEP = "lambda: time.sleep(60)"


def test_a_signal_that_comes_before_the_first_part_is_not_lost(tmp_path: Path) -> None:
    done = supervise(
        tmp_path,
        f"""
        os.kill(os.getpid(), signal.SIGTERM)
        parts.start("first", {SLEEP})
        parts.start("second", {SLEEP})
        parts.wait()
        """,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_part_that_ends_before_the_next_one_starts_is_noticed(tmp_path: Path) -> None:
    done = supervise(
        tmp_path,
        f"""
        parts.start("first", lambda: sys.exit(7))
        time.sleep(0.5)
        parts.start("second", {SLEEP})
        parts.wait()
        """,
    )
    assert done.stderr.endswith(
        "PartEnded: The first ended by itself with status 7: everything is stopped.\n"
    )


def test_a_part_that_fails_says_why(tmp_path: Path) -> None:
    done = supervise(tmp_path, 'parts.start("first", lambda: 1 / 0)\nparts.wait()')
    assert "The first failed" in done.stderr
    assert "ZeroDivisionError" in done.stderr
    assert done.stderr.endswith(
        "PartEnded: The first ended by itself with status 1: everything is stopped.\n"
    )


def test_parts_are_stopped_when_what_comes_after_them_fails(tmp_path: Path) -> None:
    done = supervise(tmp_path, f'parts.start("first", {SLEEP})\nraise RuntimeError("On purpose")')
    assert done.stderr.endswith("RuntimeError: On purpose\n")


def test_a_part_that_does_not_stop_is_killed(tmp_path: Path) -> None:
    done = supervise(
        tmp_path,
        """
        def refuse():
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            os.kill(os.getppid(), signal.SIGINT)
            time.sleep(60)
        parts.start("first", refuse)
        parts.wait()
        """,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_what_a_killed_part_leaves_behind_ends_too(tmp_path: Path) -> None:
    done = supervise(
        tmp_path,
        """
        def leave():
            subprocess.Popen(["sleep", "60"])
            os.kill(os.getpid(), signal.SIGKILL)
        parts.start("first", leave)
        parts.wait()
        """,
    )
    assert last_line(done).endswith(": The first was killed by SIGKILL: everything is stopped.")


@pytest.mark.slow
def test_without_its_broker_the_api_still_serves(start: Start) -> None:
    service = start(NOTIFYHUB_BROKER_URL=f"amqp://user:hunter2@127.0.0.1:{free_port()}")
    until(lambda: "The broker can't be reached" in service.err, "the broker is missed")
    assert service.get("/readyz") == (503, {**READY, "status": "unavailable", "broker": "no answer"})
    service.process.terminate()
    assert end(service) == 0
    assert "hunter2" not in service.err
    assert "Traceback" not in service.err
