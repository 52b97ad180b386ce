"""Turns: where many write, nobody waits long, and nobody waits for the dead."""

import itertools
import os
import signal
import threading
import time

from flask import Flask

from notifyhub.extensions import db

WRITERS = 12
HELD = 0.004


def write(app: Flask) -> None:
    with app.app_context(), db.engine.begin():
        time.sleep(HELD)


def test_among_many_writers_each_has_its_turn_soon(app: Flask) -> None:
    over = threading.Event()
    turns = itertools.count()

    def keep_writing() -> None:
        while not over.is_set():
            write(app)
            next(turns)

    writers = [threading.Thread(target=keep_writing) for _ in range(WRITERS)]
    for writer in writers:
        writer.start()
    overtaken = []
    try:
        for _ in range(40):
            before = next(turns)
            write(app)
            overtaken.append(next(turns) - before)
    finally:
        over.set()
        for writer in writers:
            writer.join()
    # About one turn of each; who looks again only from time to time is overtaken hundreds of times.
    assert max(overtaken) < 10 * WRITERS


def test_the_turn_of_a_process_that_dies_is_over(app: Flask) -> None:
    with app.app_context():
        db.engine.dispose()
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        with app.app_context(), db.engine.begin():
            os.write(writer, b"!")
            signal.pause()
    assert os.read(reader, 1) == b"!"
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    write(app)
    for end in (reader, writer):
        os.close(end)
