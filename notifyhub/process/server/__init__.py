"""The server in front: gunicorn, with a worker that slow clients can't keep from answering others."""

from notifyhub.process.server.application import Server
from notifyhub.process.server.worker import Worker

__all__ = ["Server", "Worker"]
