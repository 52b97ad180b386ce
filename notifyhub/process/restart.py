"""The restart of `notifyhub up` in place: the same process runs the program that is installed by now.

A process keeps its children, its number and its socket when it runs another program (execve(2)). So the new
program starts new parts beside the old ones on the same socket, and ends the old ones once the new ones
serve: no connection is refused, and a service manager sees one process all the time.
"""

import atexit
import logging
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass

OPTION = "--take-over"
"""What tells the new program of the old one's socket and parts; nobody else gives it."""

TRIAL_SECONDS = 60

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Inheritance:
    """What a program leaves to the one that follows: a socket that listens, and the parts that run."""

    listener: int
    parts: Mapping[int, str]

    def __str__(self) -> str:
        """Return it as the value of OPTION, such as `5,server:1207,worker:1208`."""
        return ",".join([str(self.listener), *(f"{name}:{process}" for process, name in self.parts.items())])

    @classmethod
    def parse(cls, text: str) -> "Inheritance":
        """Read the value of OPTION; raises ValueError if it is none."""
        listener, *parts = text.split(",")
        named = [part.split(":") for part in parts]
        return cls(int(listener), {int(process): name for name, process in named})


def is_possible(command: str) -> bool:
    """Return whether the installed program starts, tried in a process of its own; else the log says why."""
    # It imports everything, reads every variable and tries the keys.
    trial = [sys.executable, *_before(command), "permissions"]
    try:
        done = subprocess.run(  # noqa: S603 - it is what was started once
            trial, capture_output=True, text=True, timeout=TRIAL_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        words = type(error).__name__
    else:
        if not done.returncode:
            return True
        words = (done.stderr.strip().splitlines() or [f"it ended with status {done.returncode}"])[-1]
    log.error("No restart: the program can't be started anew: %s", words)
    return False


def execute(command: str, inheritance: Inheritance | None = None) -> None:
    """Run the installed program in place of this one; does not return unless it is gone."""
    atexit._run_exitfuncs()  # the process ends for all but the system
    sys.stdout.flush()
    sys.stderr.flush()
    options = sys.orig_argv[len(_before(command)) + 2 :]
    if options[:1] == [OPTION]:
        options = options[2:]
    if inheritance:
        os.set_inheritable(inheritance.listener, True)
        options = [OPTION, str(inheritance), *options]
    try:
        os.execv(sys.executable, [sys.executable, *_before(command), command, *options])  # noqa: S606
    except OSError as error:
        log.error("No restart: %s: %s", sys.executable, error.strerror)  # noqa: TRY400 - it is one line


def _before(command: str) -> list[str]:
    """Return the arguments with which Python was started, up to a command."""
    return sys.orig_argv[1 : sys.orig_argv.index(command, 1)]
