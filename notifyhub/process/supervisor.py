"""Runs the parts of the service as child processes: all of them, or none."""

import atexit
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import NoReturn, Self

from notifyhub.process.terminal import Terminal

STOP_SECONDS = 20
"""How long the parts may finish what is under way when the service stops; then they are killed."""
RETIRE_SECONDS = 60
"""How long they may when others have taken their place."""
READY_SECONDS = 60
"""How long new parts may take until they serve."""

_STOP_SIGNALS = {signal.SIGTERM, signal.SIGINT}
_BLOCKED_SIGNALS = {*_STOP_SIGNALS, signal.SIGHUP, signal.SIGCHLD, signal.SIGALRM}

log = logging.getLogger(__name__)


class PartEnded(Exception):
    """A part of the service ended by itself; the text says which one, and how."""


class Supervisor:
    """Starts parts as forks of this process, and stops them all when one ends or the service is stopped.

    Use as a context manager in the main thread. Inside, signals are blocked, and `wait` alone takes them, one
    after the other: none can arrive at a wrong moment. They stay blocked afterwards, as the process has
    nothing left to do then, or runs another program that takes them.

    `parts` are those of a program that this one follows; see `replace_old`. `at_stop` is called when the
    service begins to stop.
    """

    def __init__(
        self, parts: Mapping[int, str] | None = None, at_stop: Callable[[], object] = lambda: None
    ) -> None:
        self._parts: dict[int, str] = {}
        self._old: dict[int, str] = dict(parts or {})
        self._retiring: dict[int, float] = {}  # old parts that were told to end, and when they are killed
        self._mask: set[int] = set()
        self._at_stop = at_stop
        self._terminal = Terminal()

    @property
    def parts(self) -> Mapping[int, str]:
        """The parts by their processes, without those that others have replaced."""
        return {**self._old, **self._parts}

    def __enter__(self) -> Self:
        # Without a handler some systems don't block SIGCHLD; and it may be inherited as ignored.
        signal.signal(signal.SIGCHLD, lambda *_: None)
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _BLOCKED_SIGNALS)
        self._mask = set(before) - _BLOCKED_SIGNALS  # which a program that this one follows has blocked
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

    def replace_old(self, is_ready: Callable[[], bool]) -> None:
        """End the old parts as soon as the new ones are ready; end those instead if they don't come to it.

        Returns at once where the service is to stop: `wait` takes the signal.
        """
        deadline, failure, needed = time.monotonic() + READY_SECONDS, "", len(self._old)
        while not is_ready() and not failure and not signal.sigpending() & _STOP_SIGNALS:
            signal.sigtimedwait({signal.SIGCHLD}, 0.05)
            failure = "; ".join(self._ended())
            if time.monotonic() > deadline:
                failure = f"The new parts were not ready within {READY_SECONDS} seconds"
        if len(self._old) < needed:
            self._stop()
            raise PartEnded(f"{failure}: everything is stopped.")
        if failure:
            self.give_up(failure)
        else:
            self._retire(self._old)
            self._old = {}

    def give_up(self, failure: str) -> None:
        """End the new parts, and go on with the old ones."""
        log.error("No restart: %s. What ran before goes on", failure.rstrip("."))
        self._retire(self._parts)
        self._parts, self._old = self._old, {}

    def wait(self) -> bool:
        """Return False when all parts are stopped, True when SIGHUP asks for a restart.

        SIGTERM and Ctrl-C stop them, and so does the closing of the terminal.
        Raises PartEnded if one stopped the others.
        """
        # A program that nohup has started does not hear it.
        restart = set() if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else {signal.SIGHUP}
        words = self._ended()
        while not words:
            received = signal.sigtimedwait({*_STOP_SIGNALS, *restart, signal.SIGCHLD}, 1)
            if received and received.si_signo in _STOP_SIGNALS:
                break
            if received and received.si_signo in restart:
                if self._terminal.is_closed(received):
                    break
                return True
            words = self._ended()
            self._kill_overdue()
        if words:
            time.sleep(
                0.2
            )  # systemd sends SIGTERM to all processes: a part may have been faster than this one
        by_itself = words and not signal.sigpending() & _STOP_SIGNALS
        self._stop()
        if by_itself:
            raise PartEnded(f"{words[0]}: everything is stopped.")
        return False

    def _ended(self) -> list[str]:
        """Return how parts have ended that nobody had told to."""
        return [
            f"The {name} {_describe_exit(status)}" for name, status, was_told in self._reap() if not was_told
        ]

    def _retire(self, parts: Mapping[int, str]) -> None:
        for process in parts:
            os.kill(process, signal.SIGTERM)
            self._retiring[process] = time.monotonic() + RETIRE_SECONDS

    def _kill_overdue(self) -> None:
        for process, deadline in self._retiring.items():
            if time.monotonic() > deadline:
                os.kill(process, signal.SIGKILL)

    def _stop(self) -> None:
        if self._parts or self._old:
            log.info("NotifyHub stops")
        self._at_stop()
        self._parts |= self._old
        self._old = {}
        for process in self._parts:
            os.kill(process, signal.SIGTERM)
        signal.alarm(STOP_SECONDS)
        while self._parts or self._retiring:
            if signal.sigwait({signal.SIGCHLD, signal.SIGALRM}) == signal.SIGALRM:
                for process in (*self._parts, *self._retiring):
                    os.kill(process, signal.SIGKILL)
            for name, status, was_told in self._reap():
                if not was_told:
                    log.info("The %s has stopped%s", name, f" with status {status}" if status else "")
        signal.alarm(0)

    def _reap(self) -> Iterator[tuple[str, int, bool]]:
        """Reap what has ended; give the parts among it: name, exit status, whether it was told to end."""
        while True:
            try:
                process, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not process:
                return
            name = self._parts.pop(process, None) or self._old.pop(process, None)
            was_told = self._retiring.pop(process, None) is not None
            if name is not None or was_told:  # a container's first process is given others' orphans, too
                with suppress(ProcessLookupError):
                    os.killpg(process, signal.SIGKILL)  # what it has left behind, as it was killed
                yield name or "", os.waitstatus_to_exitcode(status), was_told


def _run_part(name: str, run: Callable[[], object], supervisor: int, mask: set[int]) -> NoReturn:
    status = 1
    try:
        os.setsid()  # Ctrl-C reaches the supervisor alone
        for number in (*_STOP_SIGNALS, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        # SIGHUP stays blocked: it is the supervisor's, and `pkill -HUP` sends it to all that have the name.
        signal.pthread_sigmask(signal.SIG_SETMASK, {*mask, signal.SIGHUP})
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
