"""The terminal that a program was started in: when it is closed, the program is to end.

SIGHUP says that, and is also how an operator asks for a restart.
"""

import os
import signal


class Terminal:
    """The terminal of this program, if it has one now: to be asked at the start."""

    def __init__(self) -> None:
        self._was_there = _is_there()
        self._parent = os.getppid()

    def is_closed(self, received: signal.struct_siginfo) -> bool:
        """Return whether this SIGHUP says that it is closed: the system sends it, or the shell passes it on.

        Whoever else sends one asks for a restart, also of what was left running in a terminal closed since.
        """
        return self._was_there and received.si_pid in {0, self._parent} and not _is_there()


def _is_there() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True
