"""The `notifyhub` command as a process of its own."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from notifyhub.database.writer_lock import FairConnection
from tests.support.processes import free_port, wait_for_port

READY = {"status": "ok", "database": "ok", "broker": "ok"}

_TAKE_TERMINAL = """
import fcntl, os, termios
if os.getsid(0) == os.getpid(): fcntl.ioctl(0, termios.TIOCSCTTY, 0)
"""


class Service:
    """A started `notifyhub`, the leader of a process group, in a folder beside which its output is kept.

    `first` is Python that its process runs before; `terminal` a descriptor of the one that it is started in.
    """

    def __init__(
        self,
        folder: Path,
        variables: dict[str, str],
        command: str,
        *options: str,
        port: int = 0,
        first: str = "",
        terminal: int | None = None,
    ):
        self.folder = folder
        self.port = port or free_port()
        self.environment = {**os.environ, **variables}
        if command == "up":
            options = ("--port", str(self.port), *options)
        if terminal is not None:
            first = f"{_TAKE_TERMINAL}\n{first}"
        with self._output("out").open("w") as out, self._output("err").open("w") as err:
            self.process = subprocess.Popen(
                [sys.executable, "-c", f"{first}\nfrom notifyhub.cli import main; main()", command, *options],
                cwd=folder,
                env={**self.environment, "TESTED_SERVICE": str(folder)},
                stdin=terminal,
                stdout=out,
                stderr=err,
                text=True,
                process_group=None if terminal is not None else 0,
                start_new_session=terminal is not None,
            )

    def _output(self, name: str) -> Path:
        return self.folder.with_name(f"{self.folder.name}.{name}")

    @property
    def out(self) -> str:
        return self._output("out").read_text()

    @property
    def err(self) -> str:
        return self._output("err").read_text()

    @property
    def key(self) -> str:
        """The admin's token, if this start has printed it."""
        return self.out.strip()

    def wait_until_it_serves(self) -> None:
        wait_for_port(self.process, self.port)
        assert self.get("/readyz") == (200, READY)

    def wait_until_it_delivers(self, seconds: float = 25) -> None:
        until(lambda: "The worker is ready" in self.err, "the worker is ready", seconds)

    def get(self, path: str, **headers: str) -> tuple[int, Any]:
        return self.call(urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers=headers))

    def post(self, path: str, body: Any, key: str) -> Any:
        """Return what a request that makes something is answered."""
        status, made = self.request("POST", path, body, key)
        assert status == 201, made
        return made

    def request(
        self, method: str, path: str, body: Any = None, key: str = "", **headers: str
    ) -> tuple[int, Any]:
        """Return the status and the JSON that a request with a token is answered with."""
        url = f"http://127.0.0.1:{self.port}{path}"
        named = {"Authorization": f"Token {key}", **headers}
        data = None
        if body is not None:
            named, data = {"Content-Type": "application/json", **named}, json.dumps(body).encode()
        return self.call(urllib.request.Request(url, data, named, method=method))

    def call(self, request: urllib.request.Request) -> tuple[int, Any]:
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(30)

    def parts(self) -> dict[str, int]:
        """The processes of the server and of the worker, which are started in this order."""
        server, worker = sorted(pid for pid in self.living() if _parent(pid) == self.process.pid)
        return {"server": server, "worker": worker}

    def pause(self, process: int) -> None:
        """Stop a process where it is not writing to the SQLite database: nobody else could write then."""
        database = Path(self.environment["NOTIFYHUB_INSTANCE"]) / "notifyhub.db"
        with closing(FairConnection(str(database))) as connection:
            connection.acquire_writer_lock()
            connection.execute("BEGIN IMMEDIATE")
            os.kill(process, signal.SIGSTOP)

    def living(self) -> set[int]:
        """The processes of this start, wherever they hang in the tree."""
        return processes_of(f"TESTED_SERVICE={self.folder}")


def processes_of(mark: str) -> set[int]:
    """Return the processes with a variable in their environment; a zombie has none."""
    return {int(place.name) for place in Path("/proc").glob("[0-9]*") if mark in _environment(place)}


def until(condition: Callable[[], Any], words: str, seconds: float = 25) -> Any:
    """Return what the condition gives as soon as it is true; fail if that takes too long."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > deadline:
            pytest.fail(f"Not within {seconds} s: {words}")
        time.sleep(0.05)
    return found


def _environment(place: Path) -> list[str]:
    try:
        return (place / "environ").read_bytes().decode(errors="replace").split("\0")
    except (FileNotFoundError, ProcessLookupError, PermissionError):  # it has just ended, or is not ours
        return []


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
