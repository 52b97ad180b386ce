"""The server in front: gunicorn, with a worker that slow clients can't keep from answering others."""

from notifyhub.server.application import Server
from notifyhub.server.worker import Worker

__all__ = ["Server", "Worker"]
