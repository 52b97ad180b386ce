"""What a process does every few seconds."""

import logging
import threading
import time

import pytest
from flask import Flask, current_app

from notifyhub.database.connections import autocommit
from notifyhub.jobs.repeated import Repeated
from tests.support.environment import on_sqlite

pytestmark = on_sqlite


def test_it_is_done_at_once_and_again_until_it_is_stopped(app: Flask) -> None:
    done: list[str] = []
    thrice = threading.Event()

    def work() -> None:
        done.append(current_app.name)
        if len(done) == 3:
            thrice.set()

    repeated = Repeated(app, 0.01, work, at_end=lambda: done.append("end"))
    repeated.start()
    assert thrice.wait(5)
    repeated.stop()
    assert done[-1] == "end"
    count = len(done)
    time.sleep(0.05)
    assert len(done) == count


def test_a_stop_does_not_wait_for_the_next_time(app: Flask) -> None:
    repeated = Repeated(app, 60, lambda: None)
    repeated.start()
    began = time.monotonic()
    repeated.stop()
    assert time.monotonic() - began < 2


def test_an_error_ends_nothing_and_is_told(app: Flask, caplog: pytest.LogCaptureFixture) -> None:
    calls = threading.Semaphore(0)

    def fail() -> None:
        calls.release()
        raise ValueError("odd")

    repeated = Repeated(app, 0.01, fail)
    with caplog.at_level(logging.ERROR):
        repeated.start()
        assert all(calls.acquire(timeout=5) for _ in range(3))
        repeated.stop()
    assert "What is done every few seconds has failed" in caplog.text


def test_a_database_that_is_away_is_told_of_in_one_line(app: Flask, caplog: pytest.LogCaptureFixture) -> None:
    calls = threading.Semaphore(0)

    def ask() -> None:
        calls.release()
        autocommit().exec_driver_sql("SELECT 1 FROM no_such_table")

    repeated = Repeated(app, 0.01, ask, at_end=ask)
    with caplog.at_level(logging.WARNING):
        repeated.start()
        assert all(calls.acquire(timeout=5) for _ in range(4))
        repeated.stop()
    told = [record for record in caplog.records if "no_such_table" in record.getMessage()]
    assert [record.exc_info for record in told] == [None]
