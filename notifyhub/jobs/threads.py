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
    """Threads for so much work at once; a place is reserved for each before it is given: none waits for long.

    There are a quarter more places, so that no thread is idle until the next work is brought; and that is
    brought for an eighth of them together. Work may say that what it is counted for is over, and only its end
    is left to be written: then other work may begin beside it, in as many threads again.
    """

    def __init__(self, count: int) -> None:
        self._at_once = threading.Semaphore(count)
        self._places = count + count // 4
        self._together = max(1, count // 8)
        self._count = self._idle = self._places + count
        self._executor = ThreadPoolExecutor(self._count, thread_name_prefix="delivery")
        self._change = threading.Condition()  # of a lock that its holder may take again
        self._is_closed = False

    def reserve(self, most: int) -> int:
        """Wait until there are places for work; return for how much there are, 0 once this is closed.

        While an eighth of the places is not free, no thread is idle.
        """
        with self._change:
            self._change.wait_for(lambda: self._is_closed or self._free() >= self._together)
            return self.reserve_free(most)

    def reserve_free(self, most: int) -> int:
        """Return for how much work there are places now, which are reserved: none once this is closed."""
        with self._change:
            reserved = 0 if self._is_closed else min(self._free(), most)
            self._places -= reserved
            self._idle -= reserved
            return reserved

    @property
    def is_closed(self) -> bool:
        """Whether nothing more is to be begun."""
        return self._is_closed

    def give_back(self, count: int) -> None:
        """Free reserved places for which there is no work."""
        self._leave(places=count, idle=count)

    def run(self, app: Flask, work: Callable[..., object], *args: Any) -> None:
        """Do work in a reserved place, in the context of an application.

        It is called with `args` and a function to call when its end alone is left.
        """
        self._executor.submit(self._run, app, work, args)

    def close(self) -> None:
        """Let nothing more be reserved, and wait for the work that is under way, or about to be."""
        with self._change:
            self._is_closed = True
            self._change.notify_all()
            self._change.wait_for(lambda: self._idle == self._count)
        self._executor.shutdown()

    def _free(self) -> int:
        return min(self._places, self._idle)

    def _leave(self, *, places: int = 0, idle: int = 0) -> None:
        with self._change:
            self._places += places
            self._idle += idle
            self._change.notify_all()

    def _run(self, app: Flask, work: Callable[..., object], args: tuple[Any, ...]) -> None:
        place = [1]

        def leave() -> None:
            if place:
                self._at_once.release()
                self._leave(places=place.pop())

        self._at_once.acquire()
        try:
            with app.app_context():
                try:
                    work(*args, leave)
                except Exception as error:
                    if not log_outage(current_app.extensions["outage_log"], error):
                        log.exception("What a job asked for has failed")
        finally:
            leave()
            self._leave(idle=1)


def threads() -> Threads:
    """Return the application's threads."""
    found: Threads = current_app.extensions["threads"]
    return found
