"""Turns: where many write, nobody waits long, and nobody waits for the dead."""

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

    def keep_writing() -> None:
        while not over.is_set():
            write(app)

    writers = [threading.Thread(target=keep_writing) for _ in range(WRITERS)]
    for writer in writers:
        writer.start()
    waits = []
    try:
        for _ in range(40):
            began = time.monotonic()
            write(app)
            waits.append(time.monotonic() - began)
    finally:
        over.set()
        for writer in writers:
            writer.join()
    # Twelve writers before it take 50 ms; looking again from time to time, some would wait for a second.
    assert max(waits) < 20 * WRITERS * HELD / 2


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
