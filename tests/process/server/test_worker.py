"""The worker as a process with short deadlines: what slow, odd and many clients get from it."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from tests.support.environment import ROOT
from tests.support.processes import free_port, stop, wait_for_port

DEADLINE = 0.6
CONNECTIONS = 40
JSON_POST = b"POST /api/notifications/messages HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
HEALTH = b"GET /healthz HTTP/1.1\r\nHost: x\r\n"
CLOSE = b"Connection: close\r\n\r\n"
LIMIT = 1024 * 1024

PROGRAM = f"""
import socket, sys, time
from notifyhub.process.server import Server, capacity, connection, worker
connection.HEAD_SECONDS = connection.BODY_SECONDS = worker.BODY_SECONDS = float(sys.argv[2])
capacity.MAX_CONNECTIONS = {CONNECTIONS}
from notifyhub.api.endpoint import Access, Endpoint
from notifyhub.app import create_app
app = create_app()
@app.get("/slow")
def slow():
    time.sleep(1)
    return "done"
@app.get("/large")
def large():
    return "x" * 8_000_000
for name in ("slow", "large"):
    app.extensions["declarations"][name] = Endpoint(Access.PUBLIC, name, "Tests")
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=200)
Server(app, listener, 1).run()
"""


class Process:
    """A server with one worker."""

    def __init__(self, folder: Path, seconds: float = DEADLINE) -> None:
        self.port = free_port()
        self.err = folder / "err"
        with self.err.open("w") as err:
            self.process = subprocess.Popen(
                [sys.executable, "-c", PROGRAM, str(self.port), str(seconds)],
                cwd=ROOT,
                env={**os.environ, "NOTIFYHUB_INSTANCE": str(folder / "instance")},
                stderr=err,
                text=True,
            )
        wait_for_port(self.process, self.port)

    def connect(self, data: bytes = b"", receive_buffer: int = 0) -> socket.socket:
        client = socket.socket()
        if receive_buffer:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        client.settimeout(10)
        try:
            client.connect(("127.0.0.1", self.port))
            client.sendall(data)
        except OSError:
            client.close()
            raise
        return client

    def ask(self, data: bytes) -> bytes:
        """Return all that is answered until the server closes the connection."""
        with self.connect(data) as client:
            return read_all(client)

    def worker(self) -> int:
        """Return the process that answers; there is none before the first answer."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return int(children.read_text())

    def seconds_of_cpu(self) -> float:
        """Return the time that the worker has been at work."""
        self.health()
        fields = Path(f"/proc/{self.worker()}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def health(self) -> float:
        """Return the seconds that a healthy client waits."""
        started = time.monotonic()
        assert self.ask(HEALTH + CLOSE).startswith(b"HTTP/1.1 200")
        return time.monotonic() - started


def read_all(client: socket.socket) -> bytes:
    answered = b""
    while data := client.recv(1 << 16):
        answered += data
    return answered


def refused(answer: bytes) -> tuple[int, str]:
    """Return the status and the words of an error, which is JSON as the application's are."""
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"\r\nContent-Type: application/json\r\n" in head
    assert re.search(rb"\r\nX-Request-ID: [A-Za-z0-9_.:-]{8,128}\r\n", head + b"\r\n")
    return int(head.split()[1]), json.loads(body)["detail"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    started = Process(tmp_path_factory.mktemp("worker"))
    yield started
    stop(started.process)


SLOW = {
    "request line": b"GET /heal",
    "header": HEALTH + b"X-A: b",
    "body": JSON_POST + b"Content-Length: 1000\r\n\r\n{",
    "chunked body": JSON_POST + b"Transfer-Encoding: chunked\r\n\r\n3e8\r\n{",
}


@pytest.mark.parametrize(
    "kind",
    [
        "request line",
        *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("header", "body", "chunked body")),
    ],
)
def test_slow_clients_hold_no_thread_and_are_told_that_they_are_late(server: Process, kind: str) -> None:
    with ExitStack() as open_:
        clients = [open_.enter_context(server.connect(SLOW[kind])) for _ in range(30)]
        assert server.health() < 0.5
        started = time.monotonic()
        while time.monotonic() - started < DEADLINE / 2:  # what trickles in puts no deadline off
            clients[0].sendall(b"a")
            time.sleep(0.1)
        for client in clients:
            assert refused(read_all(client)) == (408, "The request did not arrive in time.")
        assert time.monotonic() - started < DEADLINE + 3


def test_who_says_nothing_is_closed_without_a_word(server: Process) -> None:
    with server.connect() as client:
        assert read_all(client) == b""


def test_more_clients_than_there_may_be_take_no_place_from_others(server: Process) -> None:
    with ExitStack() as open_:
        for _ in range(3 * CONNECTIONS):
            open_.enter_context(server.connect(b"GET /"))
        assert server.health() < 0.5


@pytest.mark.slow
def test_who_does_not_read_holds_no_thread_and_is_closed(server: Process) -> None:
    request = b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n"
    with ExitStack() as open_:
        clients = [open_.enter_context(server.connect(request, 4096)) for _ in range(12)]
        time.sleep(0.5)
        assert server.health() < 1
        time.sleep(DEADLINE + 1)
        assert server.health() < 0.5
    with server.connect(request) as reader:  # who reads gets all of it
        reader.shutdown(socket.SHUT_WR)
        assert read_all(reader).endswith(b"x" * 1000)
    assert len(clients) == 12


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET / HTTP/1.1\nHost: x\n\n", 400),
        (b"\x16\x03\x01\x02\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (b"GET /" + b"a" * 5000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
        (HEALTH + b"X-A: " + b"a" * 9000 + b"\r\n\r\n", 431),
        (HEALTH + b"X-A: " + b"a" * 70_000, 431),
        (HEALTH + b"X: y\r\n" * 200 + b"\r\n", 431),
        (HEALTH + b"Expect: miracles\r\n\r\n", 417),
        (HEALTH + b"Transfer-Encoding: foo\r\n\r\n", 501),
    ],
)
def test_what_is_no_request_is_refused_in_json(server: Process, request_: bytes, status: int) -> None:
    assert refused(server.ask(request_))[0] == status


def test_a_refused_header_is_not_in_the_log(server: Process) -> None:
    server.ask(HEALTH + b"Authorization : Token hunter2\r\n\r\n")
    server.ask(HEALTH + b"Authorization: Token hunter2\x01\r\n\r\n")
    assert "hunter2" not in server.err.read_text()
    assert "Invalid request from 127.0.0.1" in server.err.read_text()


@pytest.mark.parametrize(
    "framing", [b"Content-Length: 50000000\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n"]
)
def test_a_body_that_is_too_large_is_read_so_that_the_client_reads_why(
    server: Process, framing: bytes
) -> None:
    chunk = b"100000\r\n" + b" " * LIMIT + b"\r\n" if framing.startswith(b"T") else b" " * LIMIT
    with server.connect(JSON_POST + framing) as client:
        for _ in range(12):
            client.sendall(chunk)
        assert client.recv(1 << 16).startswith((b"HTTP/1.1 401", b"HTTP/1.1 413"))


def test_a_body_that_is_never_sent_is_not_waited_for_where_it_is_refused(server: Process) -> None:
    started = time.monotonic()
    with server.connect(JSON_POST + b"Content-Length: 900000000\r\n\r\n{") as client:
        assert client.recv(1 << 16).startswith(b"HTTP/1.1 401")
    assert time.monotonic() - started < 0.5


def test_requests_follow_each_other_on_a_connection(server: Process) -> None:
    """Also those that are sent at once, and after bodies that nobody has read."""
    chunked = (
        b"POST /api/me HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX: y\r\n\r\n"
    )
    sized = b"POST /api/me HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
    answered = server.ask((HEALTH + b"\r\n") * 3 + chunked + sized + HEALTH + CLOSE)
    assert re.findall(rb"HTTP/1\.1 (\d+)", answered) == [b"200"] * 3 + [b"401"] * 2 + [b"200"]


def test_who_asks_before_sending_a_body_is_told_to_go_on(server: Process) -> None:
    with server.connect(JSON_POST + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n") as client:
        assert client.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(b"{}")
        assert client.recv(1000).startswith(b"HTTP/1.1 401")


def test_who_has_sent_all_and_says_so_still_gets_the_answer(server: Process) -> None:
    with server.connect(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n") as client:
        client.shutdown(socket.SHUT_WR)
        assert read_all(client).endswith(b"done")


def test_an_older_client_is_closed_after_its_answer(server: Process) -> None:
    assert server.ask(b"GET /healthz HTTP/1.0\r\n\r\n").endswith(b'{"status":"ok"}')


@pytest.mark.slow
def test_a_stop_lets_requests_end_and_slow_clients_not_hold_it_up(tmp_path: Path) -> None:
    server = Process(tmp_path)
    with (
        server.connect(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n") as slow,
        server.connect(HEALTH + b"X-A: b"),
        server.connect(),
        server.connect(HEALTH + b"\r\n") as idle,
    ):
        assert idle.recv(1000).startswith(b"HTTP/1.1 200")
        time.sleep(0.2)
        server.process.send_signal(signal.SIGTERM)
        answered = read_all(slow)
        assert answered.endswith(b"done")
        assert b"\r\nConnection: close\r\n" in answered
        assert server.process.wait(9) == 0  # one that must be killed takes 10
    assert "Traceback" not in server.err.read_text()


@pytest.mark.slow
def test_a_stop_waits_three_seconds_for_a_slow_client_that_goes_on_sending(tmp_path: Path) -> None:
    server = Process(tmp_path, seconds=60)
    with server.connect(SLOW["body"]) as body, server.connect(SLOW["header"]) as head:
        server.health()
        server.process.send_signal(signal.SIGTERM)
        started = time.monotonic()
        while server.process.poll() is None and time.monotonic() < started + 9:
            for client in (body, head):
                with suppress(OSError):
                    client.sendall(b"x")
            time.sleep(0.1)
        assert server.process.wait(1) == 0
        assert 2 <= time.monotonic() - started < 6  # without an end to it: 10
        assert refused(read_all(head))[0] == 408


@pytest.mark.slow
def test_a_stop_answers_who_was_let_in_and_not_yet_taken_over(tmp_path: Path) -> None:
    server = Process(tmp_path)
    server.health()
    worker = server.worker()
    os.kill(worker, signal.SIGSTOP)
    with ExitStack() as stack:
        clients = [stack.enter_context(server.connect(HEALTH + CLOSE)) for _ in range(30)]
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        os.kill(worker, signal.SIGCONT)
        answers = [read_all(client) for client in clients]
    assert all(answer.startswith(b"HTTP/1.1 200") for answer in answers)
    assert server.process.wait(9) == 0


@pytest.mark.slow
@pytest.mark.parametrize(("method", "status"), [(b"GET", 200), (b"POST", 405)])
def test_a_body_in_tiny_chunks_that_nobody_wants_costs_nothing(
    server: Process, method: bytes, status: int
) -> None:
    chunks = b"1\r\nx\r\n" * 150_000 + b"0\r\n\r\n"
    head = method + b" /healthz HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"

    def cost() -> float:
        before = server.seconds_of_cpu()
        for _ in range(5):
            assert int(server.ask(head + chunks).split()[1]) == status
        return server.seconds_of_cpu() - before

    assert min(cost(), cost()) < 1  # more than 1.5, were the chunks taken apart
