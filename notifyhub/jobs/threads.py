"""Threads for work that is taken up only when one of them is free for it."""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from flask import Flask, current_app

from notifyhub.database.connection_checks import log_outage

log = logging.getLogger(__name__)

CONCURRENCY = 32
"""Threads of a worker, unless it is told another number."""


class Threads:
    """So many threads; each is reserved before it is given work, so that nothing waits in a queue."""

    def __init__(self, count: int) -> None:
        self._executor = ThreadPoolExecutor(count, thread_name_prefix="delivery")
        self._free = count
        self._change = threading.Condition()
        self._is_closed = False

    def reserve(self, most: int) -> int:
        """Wait until a thread is free; return how many are reserved, 0 once the threads are closed."""
        with self._change:
            self._change.wait_for(lambda: self._free or self._is_closed)
            if self._is_closed:
                return 0
            reserved = min(self._free, most)
            self._free -= reserved
            return reserved

    def give_back(self, count: int = 1) -> None:
        """Free reserved threads for which there is no work, or no more."""
        with self._change:
            self._free += count
            self._change.notify()

    def run(self, app: Flask, work: Callable[..., object], *args: Any) -> None:
        """Do work in a reserved thread, in the context of an application, and free it then."""
        self._executor.submit(self._run, app, work, args)

    def close(self) -> None:
        """Take up no more work, and wait for what is under way."""
        with self._change:
            self._is_closed = True
            self._change.notify_all()
        self._executor.shutdown()

    def _run(self, app: Flask, work: Callable[..., object], args: tuple[Any, ...]) -> None:
        try:
            with app.app_context():
                try:
                    work(*args)
                except Exception as error:
                    if not log_outage(current_app.extensions["outage_log"], error):
                        log.exception("What a job asked for has failed")
        finally:
            self.give_back()


def threads() -> Threads:
    """Return the application's threads."""
    found: Threads = current_app.extensions["threads"]
    return found
