"""Group commit: what many threads have to write within some milliseconds is written together.

A thread that comes while nobody writes is the leader. It waits for a moment, and then writes what it and all
those that have come meanwhile have brought. The first of those that come while it writes is the next leader.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from notifyhub.database.connections import is_out_of_reach

V = TypeVar("V")
R = TypeVar("R")

LINGER_SECONDS = 0.005
"""How long a leader waits for others: a transaction costs as much as what a dozen of them have to write."""
MAX_GROUP = 100
"""As many are written in one transaction, unless one thread has brought more."""


class _Pending(Generic[V, R]):
    """What a thread has to write; `results`, or `error`, once that has been done."""

    def __init__(self, values: Sequence[V]) -> None:
        self.values = values
        self.is_done = False
        self.results: Sequence[R] = ()
        self.error: BaseException | None = None
        self._lock = threading.Lock()
        self._lock.acquire()

    def wait(self) -> None:
        """Wait until it is done, or its thread is to be the leader."""
        self._lock.acquire()

    def wake(self) -> None:
        """Have its thread go on."""
        self._lock.release()


class GroupWriter(Generic[V, R]):
    """Writes by `write_all`, which writes what it is given in one transaction and returns a result for each.

    One serves all threads of a process; none of them is writing when the process forks.
    """

    def __init__(
        self, write_all: Callable[[Sequence[V]], Sequence[R]], linger: float = LINGER_SECONDS
    ) -> None:
        self._write_all = write_all
        self._linger = linger
        self._lock = threading.Lock()
        self._waiting: deque[_Pending[V, R]] = deque()
        self._is_led = False

    def write(self, values: Sequence[V]) -> Sequence[R]:
        """Write, and return the results once they are committed, in the context of one of the threads.

        If the database can't be reached, all of a group raise that. Any other error is of one thread alone:
        what fails together is written one after the other.
        """
        own: _Pending[V, R] = _Pending(values)
        with self._lock:
            self._waiting.append(own)
            leads, self._is_led = not self._is_led, True
        if not leads:
            own.wait()
        if not own.is_done:
            self._lead()
        if own.error is not None:
            raise own.error
        return own.results

    def _lead(self) -> None:
        """Write what waits, the leader's own first; then the first of those that have come since leads."""
        if self._linger:
            time.sleep(self._linger)
        with self._lock:
            group = [self._waiting.popleft()]
            size = len(group[0].values)
            while self._waiting and (size := size + len(self._waiting[0].values)) <= MAX_GROUP:
                group.append(self._waiting.popleft())
        try:
            self._write(group)
        finally:
            with self._lock:
                following = self._waiting[0] if self._waiting else None
                self._is_led = following is not None
            for each in group[1:]:
                each.wake()
            if following is not None:
                following.wake()

    def _write(self, group: Sequence[_Pending[V, R]]) -> None:
        try:
            results = iter(self._write_all([values for each in group for values in each.values]))
        except BaseException as error:  # noqa: BLE001 - each thread of the group raises it
            if len(group) > 1 and isinstance(error, Exception) and not is_out_of_reach(error):
                for each in group:
                    self._write([each])
                return
            for each in group:
                each.error, each.is_done = error, True
        else:
            for each in group:
                each.results, each.is_done = [next(results) for _ in each.values], True
