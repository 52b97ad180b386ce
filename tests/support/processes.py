"""Real servers and other processes, none of which outlives its test."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from flask import Flask

from tests.support.environment import ROOT


@dataclass
class Server:
    """A process that serves the application over HTTP."""

    process: subprocess.Popen[str]
    url: str

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def wait_for_port(process: subprocess.Popen[str], port: int) -> None:
    """Wait until the process listens, for a minute at most."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    pytest.fail(f"The server does not listen; its exit status: {process.poll()}")


def children(process: int) -> set[int]:
    """Return the processes that a process has started, and that have not ended."""
    return set(map(int, Path(f"/proc/{process}/task/{process}/children").read_text().split()))


def stop(process: subprocess.Popen[str]) -> None:
    """End a process, and wait for its end."""
    if process.poll() is None:
        process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for stream in (process.stdout, process.stderr):
        if stream:
            stream.close()


@pytest.fixture
def processes() -> Iterator[list[subprocess.Popen[str]]]:
    """The processes that the test starts: none outlives it."""
    started: list[subprocess.Popen[str]] = []
    yield started
    for process in started:
        stop(process)


def start_gunicorn(variables: dict[str, str], log: Path, *options: str, folder: Path = ROOT) -> Server:
    """Serve the application with gunicorn, which logs to a file, as `variables` configure it.

    The code is that in `folder`.
    """
    port = free_port()
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", f"-b127.0.0.1:{port}", *options, "wsgi:app"],
            cwd=folder,
            env={**os.environ, **variables},
            stdout=output,
            stderr=output,
            text=True,
        )
    try:
        wait_for_port(process, port)
    except BaseException:
        stop(process)
        raise
    return Server(process, f"http://127.0.0.1:{port}")


@pytest.fixture
def gunicorn(
    app: Flask, environment: dict[str, str], processes: list[subprocess.Popen[str]], tmp_path: Path
) -> Iterator[Callable[..., Server]]:
    """Give a function that serves the application's database with real gunicorn workers.

    What the test leaves of them ends at once: its workers are not asked to finish what they do, or to load.
    """
    started: list[Server] = []

    def start(*options: str, workers: int = 2, **variables: str) -> Server:
        log = tmp_path / f"gunicorn-{len(processes)}.log"
        server = start_gunicorn({**environment, **variables}, log, f"-w{workers}", *options)
        processes.append(server.process)
        started.append(server)
        return server

    yield start
    for server in started:
        if server.process.poll() is None:
            server.process.send_signal(signal.SIGQUIT)
            server.process.wait(20)
