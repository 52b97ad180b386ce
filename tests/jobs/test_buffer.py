"""The job buffer: ids of a few milliseconds go out together, and none is left behind."""

import os
import threading
import time
from collections.abc import Sequence

import pytest
from flask import Flask, current_app

from notifyhub.jobs import buffer
from notifyhub.jobs.buffer import JobBuffer
from tests.support.environment import on_sqlite
from tests.support.service import until

pytestmark = on_sqlite


class Enqueued:
    """Keeps the lists that would be enqueued; fails while it is told to."""

    def __init__(self) -> None:
        self.lists: list[list[int]] = []
        self.error: Exception | None = None

    def __call__(self, ids: Sequence[int]) -> None:
        assert current_app
        if self.error is not None:
            raise self.error
        self.lists.append(list(ids))


def test_what_is_added_within_the_time_goes_out_together(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buffer, "LINGER_SECONDS", 0.5)
    enqueued = Enqueued()
    jobs = JobBuffer(app, enqueued)
    threads = [threading.Thread(target=jobs.add, args=[number]) for number in range(20)]
    for thread in threads:
        thread.start()
    assert enqueued.lists == []
    until(lambda: enqueued.lists, "the list is enqueued")
    assert [sorted(ids) for ids in enqueued.lists] == [list(range(20))]
    jobs.add(20)
    until(lambda: enqueued.lists[1:] == [[20]], "what came later is enqueued, too")


def test_a_flush_enqueues_what_is_pending_at_once(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buffer, "LINGER_SECONDS", 3600)
    enqueued = Enqueued()
    jobs = JobBuffer(app, enqueued)
    jobs.flush()
    jobs.add(1)
    jobs.add(2)
    jobs.flush()
    jobs.flush()
    assert enqueued.lists == [[1, 2]]


def test_a_flush_waits_for_what_is_being_enqueued(app: Flask) -> None:
    begun, enqueued = threading.Event(), []

    def enqueue(ids: Sequence[int]) -> None:
        begun.set()
        time.sleep(0.2)
        enqueued.extend(ids)

    jobs = JobBuffer(app, enqueue)
    jobs.add(1)
    assert begun.wait(10)
    jobs.flush()
    assert enqueued == [1]


def test_an_error_is_logged_and_what_follows_is_enqueued(
    app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    enqueued = Enqueued()
    enqueued.error = ValueError("a mistake")
    jobs = JobBuffer(app, enqueued)
    jobs.add(1)
    until(lambda: "Jobs could not be enqueued" in caplog.text, "the error is logged")
    enqueued.error = None
    jobs.add(2)
    until(lambda: enqueued.lists == [[2]], "what follows is enqueued")


def test_a_broker_that_hangs_does_not_make_it_grow(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buffer, "LINGER_SECONDS", 3600)
    enqueued = Enqueued()
    jobs = JobBuffer(app, enqueued)
    for number in range(buffer.MAX_PENDING + 5):
        jobs.add(number)
    jobs.flush()
    assert enqueued.lists == [list(range(5, buffer.MAX_PENDING + 5))]


def test_a_fork_enqueues_what_is_its_own_alone(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buffer, "LINGER_SECONDS", 0.3)
    enqueued = Enqueued()
    jobs = JobBuffer(app, enqueued)
    jobs.add(1)
    child = os.fork()
    if child == 0:
        jobs.add(2)
        time.sleep(1)
        os._exit(0 if enqueued.lists == [[2]] else 1)
    assert os.waitpid(child, 0)[1] == 0
    until(lambda: enqueued.lists == [[1]], "the parent's is enqueued")
