"""What a process does every few seconds beside all else, such as telling that it lives."""

import threading
from collections.abc import Callable

from flask import Flask, current_app

from notifyhub.database.connection_checks import log_outage

STOP_SECONDS = 5.0
"""How long the end of the work under way is waited for."""

WORKER = "worker_threads"
"""The key, in an application's extensions, of what its workers repeat."""
SERVER = "server_threads"
"""That of what the processes of the server repeat, which start it as `notifyhub.process.server.Worker`."""


class Repeated:
    """Work in a thread of its own, every so many seconds; and, if it is given, `at_end` when that is over.

    An error ends nothing. While the database is away, the log says so once a minute.
    """

    def __init__(
        self,
        app: Flask,
        seconds: float,
        work: Callable[[], object],
        at_end: Callable[[], object] | None = None,
    ) -> None:
        self._app = app
        self._seconds = seconds
        self._work = work
        self._at_end = at_end
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin, at once."""
        self._stopped.clear()
        self._thread = threading.Thread(target=self._repeat, name=self._work.__name__, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop, and do what is to be done at the end."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join(STOP_SECONDS)
        if self._at_end is not None:
            self._do(self._at_end)

    def _repeat(self) -> None:
        while not self._stopped.is_set():
            self._do(self._work)
            self._stopped.wait(self._seconds)

    def _do(self, work: Callable[[], object]) -> None:
        with self._app.app_context():
            try:
                work()
            except Exception as error:
                if not log_outage(current_app.extensions["outage_log"], error):
                    current_app.logger.exception("What is done every few seconds has failed")


def add(app: Flask, kind: str, repeated: Repeated) -> None:
    """Have all processes of a kind, WORKER or SERVER, repeat something."""
    app.extensions.setdefault(kind, []).append(repeated)


def all_of(app: Flask, kind: str) -> list[Repeated]:
    """Return what processes of a kind repeat."""
    return list(app.extensions.get(kind, ()))
