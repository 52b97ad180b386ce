"""The job buffer: what a process enqueues within a few milliseconds goes to the broker together.

A job with a list of ids costs this process, the broker and the worker little more than a job with one.
"""

import atexit
import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Sequence

from flask import Flask

LINGER_SECONDS = 0.005
"""How long an id waits for others to be enqueued together with it."""
MAX_PENDING = 10_000
"""Ids that are kept while the broker hangs; the dispatcher finds the rows of those before them."""


class JobBuffer:
    """Collects ids, and has a thread enqueue them a few milliseconds later, in the application's context.

    One serves all threads of a process; the process enqueues what is pending before it ends, and a fork
    begins with an empty one. What `enqueue` can't do is left to the dispatcher.
    """

    def __init__(self, app: Flask, enqueue: Callable[[Sequence[int]], object]) -> None:
        self._app = app
        self._enqueue = enqueue
        self._reset()
        atexit.register(_flush, weakref.ref(self))

    def _reset(self) -> None:
        """Begin anew in a fork: the thread is the parent's, and so is what it has yet to enqueue."""
        self._process = os.getpid()
        self._pending: deque[int] = deque(maxlen=MAX_PENDING)
        self._has_pending = threading.Event()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def add(self, id: int) -> None:
        """Have an id enqueued soon."""
        if self._process != os.getpid():
            self._reset()
        self._pending.append(id)
        if self._thread is None:
            self._start()
        if not self._has_pending.is_set():
            self._has_pending.set()

    def flush(self) -> None:
        """Enqueue what is pending; return when all that was added before has been enqueued."""
        if self._process != os.getpid():
            self._reset()
        with self._lock:
            ids = [self._pending.popleft() for _ in range(len(self._pending))]
            if ids:
                with self._app.app_context():
                    self._enqueue(ids)

    def _start(self) -> None:
        with self._lock:
            if self._thread is None:
                thread = threading.Thread(target=self._run, name="job buffer", daemon=True)
                thread.start()
                self._thread = thread

    def _run(self) -> None:
        while self._has_pending.wait():
            time.sleep(LINGER_SECONDS)
            self._has_pending.clear()
            try:
                self.flush()
            except Exception:
                self._app.logger.exception("Jobs could not be enqueued")


def _flush(buffer: "weakref.ref[JobBuffer]") -> None:
    """Enqueue what is pending as the process ends, of an application that it still has."""
    found = buffer()
    if found is not None:
        found.flush()
