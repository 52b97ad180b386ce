"""The terminal that the service was started in: its closing ends what runs in it."""

import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from tests.process.conftest import Start, end, flask
from tests.support.environment import ROOT
from tests.support.service import until

COMMANDS = pytest.mark.parametrize("command", ["up", "worker"])

JOB = """
import os, signal
from notifyhub.process.terminal import Terminal
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
terminal = Terminal()
print(os.getpid(), flush=True)
print(terminal.is_closed(signal.sigwaitinfo({signal.SIGHUP})))
"""
SHELL = """
import fcntl, os, signal, subprocess, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
job = subprocess.Popen([sys.executable, "-c", sys.argv[2]], process_group=0)
passes_on = sys.argv[1] == "passes it on"
signal.signal(signal.SIGHUP, lambda *_: passes_on and os.kill(job.pid, signal.SIGHUP))
job.wait()
"""


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    """Give the ends of a terminal: to whom it belongs, and what runs in it."""
    ends = pty.openpty()
    yield ends
    for descriptor in ends:
        with suppress(OSError):
            os.close(descriptor)


@pytest.mark.slow
@COMMANDS
def test_closing_it_ends_the_service(
    start: Start, tmp_path: Path, terminal: tuple[int, int], command: str
) -> None:
    ours, its = terminal
    flask({"NOTIFYHUB_INSTANCE": str(tmp_path / "instance")}, "db", "upgrade")
    service = start(command, terminal=its)
    service.wait_until_it_delivers()
    for descriptor in (its, ours):
        os.close(descriptor)
    assert end(service, 30) == 0
    assert "restarts" not in service.err
    assert "Traceback" not in service.err


@pytest.mark.slow
@COMMANDS
def test_while_it_is_open_sighup_restarts_the_service(
    start: Start, tmp_path: Path, terminal: tuple[int, int], command: str
) -> None:
    flask({"NOTIFYHUB_INSTANCE": str(tmp_path / "instance")}, "db", "upgrade")
    service = start(command, terminal=terminal[1])
    service.wait_until_it_delivers()
    service.process.send_signal(signal.SIGHUP)
    until(lambda: service.err.count("The worker is ready") > 1, "it has restarted", 60)
    assert service.stop() == 0


@pytest.mark.parametrize(("shell", "is_closed"), [("passes it on", True), ("has let it go", False)])
def test_what_a_closed_one_has_left_running_is_not_told_so_by_somebody_else(
    terminal: tuple[int, int], shell: str, is_closed: bool
) -> None:
    ours, its = terminal
    words = [sys.executable, "-c", SHELL, shell, JOB]
    with subprocess.Popen(
        words, stdin=its, stdout=subprocess.PIPE, cwd=ROOT, text=True, start_new_session=True
    ) as process:
        assert process.stdout
        with closing(process.stdout) as told:
            job = int(told.readline())
            for descriptor in (its, ours):
                os.close(descriptor)
            if not is_closed:
                os.kill(job, signal.SIGHUP)
            assert told.readline().strip() == str(is_closed)
        assert process.wait(10) == 0
