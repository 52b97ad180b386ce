"""gunicorn as the server of `notifyhub up`."""

import logging
import signal
import socket
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger

from notifyhub.process.server.worker import Worker

THREADS_PER_WORKER = 8
GRACE_SECONDS = 10
"""Seconds for the requests under way when the service is stopped."""

log = logging.getLogger(__name__)


class Server(BaseApplication):  # type: ignore[misc]
    """Serves an application on a socket that listens already, with so many processes; see `run`.

    `ready` is called in each of these as soon as it serves.
    """

    def __init__(
        self,
        app: Flask,
        listener: socket.socket,
        workers: int,
        ready: Callable[[], object] = lambda: None,
    ) -> None:
        self.app = app
        self._ready = ready
        self.largest_body = _largest_body(app)
        url = _url(listener)
        self._signals: SimpleQueue[int] = SimpleQueue()
        self.options = {
            "bind": f"fd://{listener.fileno()}",
            "workers": workers,
            "worker_class": Worker,
            "threads": THREADS_PER_WORKER,
            "graceful_timeout": GRACE_SECONDS,
            "logger_class": _Log,
            "loglevel": "warning",
            "when_ready": lambda _arbiter: log.info(
                "NotifyHub listens at %s, console: %s/console, documentation: %s/api/docs, data: %s",
                *(url, url, url, app.instance_path),
            ),
            "post_fork": self._keep_signals,
            "post_worker_init": self._take_up_signals,
            "control_socket_disable": True,
            # Whose X-Forwarded-* headers count is the application's setting.
            "forwarded_allow_ips": "",
        }
        super().__init__()

    def load_config(self) -> None:
        for name, value in self.options.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        return self.app

    def _keep_signals(self, arbiter: Any, _worker: Any) -> None:
        self._signals = arbiter.SIG_QUEUE

    def _take_up_signals(self, worker: Any) -> None:
        """Heed a SIGTERM that came before the worker had handlers of its own, to its copy of the arbiter's.

        gunicorn 27 loses it, and waits until it kills the worker.
        """
        while not self._signals.empty():
            if self._signals.get() == signal.SIGTERM:
                worker.alive = False
        self._ready()


class _Log(Logger):  # type: ignore[misc]
    """gunicorn's log as part of the application's."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        self.error_log.handlers.clear()
        self.error_log.propagate = True


def _largest_body(app: Flask) -> int:
    """Return how much of a body any view takes."""
    declared = (declaration.max_body or 0 for declaration in app.extensions["declarations"].values())
    return max(int(app.config["MAX_BODY_BYTES"]), *declared)


def _url(listener: socket.socket) -> str:
    host, port, *_ = listener.getsockname()
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
