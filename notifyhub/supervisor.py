"""Runs the parts of the service as processes of its own: all of them, or none."""

import os
import signal
import sys
import time
from collections.abc import Callable
from types import FrameType

PATIENCE = 20
"""Seconds that the parts have to end what is under way when the service stops."""


class PartEnded(Exception):
    """A part of the service ended by itself; the text says which one."""


class Supervisor:
    """Starts parts as forks of this process, and stops them all when one ends or the service is stopped."""

    def __init__(self) -> None:
        self._parts: dict[int, str] = {}
        self._stopping = False

    def start(self, name: str, run: Callable[[], object]) -> None:
        """Run a part in a process of its own, whose exit status is the one that `run` exits with."""
        sys.stdout.flush()
        sys.stderr.flush()
        process = os.fork()
        if process:
            self._parts[process] = name
            return
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        status = 1
        try:
            run()
            status = 0
        except SystemExit as error:
            status = error.code if isinstance(error.code, int) else int(error.code is not None)
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)

    def wait(self) -> None:
        """Return when SIGTERM or Ctrl-C has stopped all parts; raises PartEnded if one stopped the others."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        ended = self._next_end()
        by_itself = not self._stopping
        self._stop_parts()
        if by_itself:
            raise PartEnded(f"The {ended} ended by itself: everything is stopped.")

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self._stopping = True
        self._signal(signal.SIGTERM)

    def _stop_parts(self) -> None:
        self._signal(signal.SIGTERM)
        deadline = time.monotonic() + PATIENCE
        while self._parts:
            if time.monotonic() > deadline:
                self._signal(signal.SIGKILL)
            process, _ = os.waitpid(-1, os.WNOHANG)
            if process:
                self._parts.pop(process, None)
            else:
                time.sleep(0.05)

    def _next_end(self) -> str:
        while True:
            process, _ = os.wait()
            if process in self._parts:
                return self._parts.pop(process)

    def _signal(self, number: signal.Signals) -> None:
        for process in self._parts:
            os.kill(process, number)
