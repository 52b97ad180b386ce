"""gunicorn as the server of `notifyhub up`."""

import logging
import socket
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger

THREADS = 8
GRACE = 10
"""Seconds for the requests under way when the service is stopped."""

log = logging.getLogger(__name__)


class Server(BaseApplication):  # type: ignore[misc]
    """Serves an application on a socket that listens already, with so many processes; see `run`."""

    def __init__(self, app: Flask, listener: socket.socket, workers: int) -> None:
        self.app = app
        url = _url(listener)
        self.options = {
            "bind": f"fd://{listener.fileno()}",
            "workers": workers,
            "worker_class": "gthread",
            "threads": THREADS,
            "graceful_timeout": GRACE,
            "logger_class": _Log,
            "loglevel": "warning",
            "when_ready": lambda _arbiter: log.info("NotifyHub listens at %s", url),
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


class _Log(Logger):  # type: ignore[misc]
    """gunicorn's log as part of the application's."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        self.error_log.handlers.clear()
        self.error_log.propagate = True


def _url(listener: socket.socket) -> str:
    host, port, *_ = listener.getsockname()
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
