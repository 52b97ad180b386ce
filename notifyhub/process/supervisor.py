"""Runs the parts of the service as child processes: all of them, or none."""

import atexit
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import NoReturn, Self

STOP_SECONDS = 20
"""How long the parts may finish what is under way when the service stops; then they are killed."""

_STOP_SIGNALS = {signal.SIGTERM, signal.SIGINT}
_BLOCKED_SIGNALS = {*_STOP_SIGNALS, signal.SIGCHLD, signal.SIGALRM}

log = logging.getLogger(__name__)


class PartEnded(Exception):
    """A part of the service ended by itself; the text says which one, and how."""


class Supervisor:
    """Starts parts as forks of this process, and stops them all when one ends or the service is stopped.

    Use as a context manager in the main thread. Inside, signals are blocked, and `wait` alone takes them, one
    after the other: none can arrive at a wrong moment. They stay blocked afterwards, as the process has
    nothing left to do then.
    """

    def __init__(self) -> None:
        self._parts: dict[int, str] = {}
        self._mask: set[int] = set()

    def __enter__(self) -> Self:
        # Without a handler some systems don't block SIGCHLD; and it may be inherited as ignored.
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self._mask = set(signal.pthread_sigmask(signal.SIG_BLOCK, _BLOCKED_SIGNALS))
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def start(self, name: str, run: Callable[[], object]) -> None:
        """Run a part in a process of its own, which ends with `run`."""
        sys.stdout.flush()
        sys.stderr.flush()
        supervisor = os.getpid()
        process = os.fork()
        if process:
            self._parts[process] = name
        else:
            _run_part(name, run, supervisor, self._mask)

    def wait(self) -> None:
        """Return when SIGTERM or Ctrl-C has stopped all parts; raises PartEnded if one stopped the others."""
        words: list[str] = []
        while not words and signal.sigwait({*_STOP_SIGNALS, signal.SIGCHLD}) == signal.SIGCHLD:
            words = [f"The {name} {_describe_exit(status)}" for name, status in self._reap()]
        if words:
            time.sleep(
                0.2
            )  # systemd sends SIGTERM to all processes: a part may have been faster than this one
        by_itself = words and not signal.sigpending() & _STOP_SIGNALS
        self._stop()
        if by_itself:
            raise PartEnded(f"{words[0]}: everything is stopped.")

    def _stop(self) -> None:
        if self._parts:
            log.info("NotifyHub stops")
        for process in self._parts:
            os.kill(process, signal.SIGTERM)
        signal.alarm(STOP_SECONDS)
        while self._parts:
            if signal.sigwait({signal.SIGCHLD, signal.SIGALRM}) == signal.SIGALRM:
                for process in self._parts:
                    os.kill(process, signal.SIGKILL)
            for name, status in self._reap():
                log.info("The %s has stopped%s", name, f" with status {status}" if status else "")
        signal.alarm(0)

    def _reap(self) -> Iterator[tuple[str, int]]:
        """Reap the processes that have ended; give the parts among them with their exit status."""
        while True:
            try:
                process, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not process:
                return
            name = self._parts.pop(process, None)
            if name is not None:  # a container's first process is given others' orphans, too
                with suppress(ProcessLookupError):
                    os.killpg(process, signal.SIGKILL)  # what it has left behind, as it was killed
                yield name, os.waitstatus_to_exitcode(status)


def _run_part(name: str, run: Callable[[], object], supervisor: int, mask: set[int]) -> NoReturn:
    status = 1
    try:
        os.setsid()  # Ctrl-C reaches the supervisor alone
        for number in (*_STOP_SIGNALS, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        threading.Thread(target=_end_with_supervisor, args=(supervisor,), daemon=True).start()
        run()
        status = 0
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else int(error.code is not None)
    except Exception:
        log.exception("The %s failed", name)
    finally:
        # What Python does at the end of a process that does not go on as a copy of the supervisor.
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status & 0xFF)


def _end_with_supervisor(supervisor: int) -> None:
    """End this part, if need be by force, once the supervisor has died without stopping it."""
    while os.getppid() == supervisor:
        time.sleep(1)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(STOP_SECONDS)
    os.killpg(0, signal.SIGKILL)


def _describe_exit(status: int) -> str:
    if status < 0:
        return f"was killed by {signal.Signals(-status).name}"
    return f"ended by itself with status {status}"
