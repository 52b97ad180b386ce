"""What `notifyhub up` adds to gunicorn."""

import signal
import socket
from queue import SimpleQueue
from types import SimpleNamespace

import pytest
from flask import Flask

from notifyhub.process.server import Server


@pytest.mark.parametrize(
    ("held", "alive"),
    [([], True), ([signal.SIGCHLD], True), ([signal.SIGCHLD, signal.SIGTERM], False)],
)
def test_a_worker_heeds_a_sigterm_that_came_before_it_had_handlers(
    app: Flask, held: list[signal.Signals], *, alive: bool
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = Server(app, listener, 1)
    arbiter = SimpleNamespace(SIG_QUEUE=SimpleQueue())
    for number in held:
        arbiter.SIG_QUEUE.put(number)
    worker = SimpleNamespace(alive=True)
    server.cfg.post_fork(arbiter, worker)
    server.cfg.post_worker_init(worker)
    assert worker.alive is alive
