"""Threads that are reserved before they are given work."""

import threading
from collections.abc import Callable, Iterator

import pytest
from flask import Flask

from notifyhub.jobs.threads import Threads

Leave = Callable[[], None]


class Gate:
    """Work that waits until it is let through; with `leaves` it gives its place back before that."""

    def __init__(self, *, leaves: bool = False) -> None:
        self.begun = threading.Semaphore(0)
        self.open = threading.Event()
        self.leaves = leaves

    def __call__(self, leave: Leave) -> None:
        if self.leaves:
            leave()
        self.begun.release()
        assert self.open.wait(30)


@pytest.fixture
def threads() -> Iterator[Threads]:
    made = Threads(3)
    yield made
    made.close()


def reserved_later(threads: Threads, most: int) -> tuple[threading.Thread, list[int]]:
    """Reserve in a thread of its own; return it and where it puts how many it got."""
    got: list[int] = []
    thread = threading.Thread(target=lambda: got.append(threads.reserve(most)))
    thread.start()
    return thread, got


def test_no_more_are_reserved_than_there_are(threads: Threads) -> None:
    assert [threads.reserve(2), threads.reserve(2)] == [2, 1]
    waiting, got = reserved_later(threads, 2)
    assert got == []
    threads.give_back(2)
    waiting.join(30)
    assert got == [2]
    threads.give_back(3)


def test_a_place_is_free_again_once_its_work_is_done_or_has_failed(app: Flask, threads: Threads) -> None:
    def fail(_leave: Leave) -> None:
        raise ZeroDivisionError

    for work in (fail, lambda _leave: None, fail):
        for _ in range(3):
            assert threads.reserve(1) == 1
            threads.run(app, work)


def test_what_failed_is_in_the_log(app: Flask, threads: Threads, caplog: pytest.LogCaptureFixture) -> None:
    def fail(_leave: Leave) -> None:
        raise ZeroDivisionError("of the work")

    assert threads.reserve(1) == 1
    threads.run(app, fail)
    threads.close()
    assert "ZeroDivisionError: of the work" in caplog.text


def test_work_whose_end_alone_is_left_makes_room_for_other_work_but_not_for_ever_more(
    app: Flask, threads: Threads
) -> None:
    gate = Gate(leaves=True)
    for _ in range(2):
        assert threads.reserve(5) == 3
        for _ in range(3):
            threads.run(app, gate)
        for _ in range(3):
            assert gate.begun.acquire(timeout=30)
    waiting, got = reserved_later(threads, 1)
    assert got == []
    gate.open.set()
    waiting.join(30)
    assert got == [1]
    threads.give_back(1)


def test_closing_turns_away_who_waits_and_lets_what_is_under_way_end(app: Flask, threads: Threads) -> None:
    gate, done = Gate(), threading.Event()

    def work(leave: Leave) -> None:
        gate(leave)
        done.set()

    assert threads.reserve(3) == 3
    threads.run(app, work)
    assert gate.begun.acquire(timeout=30)
    waiting, got = reserved_later(threads, 1)
    closing = threading.Thread(target=threads.close)
    closing.start()
    waiting.join(30)
    assert got == [0]
    threads.run(app, gate)  # what was reserved before is still begun
    assert gate.begun.acquire(timeout=30)
    threads.give_back(1)
    assert closing.is_alive()
    gate.open.set()
    closing.join(30)
    assert done.is_set()
    assert threads.reserve(1) == 0


def test_a_quarter_more_is_brought_but_no_more_done_at_once(app: Flask) -> None:
    threads, gate = Threads(4), Gate()
    assert threads.reserve(9) == 5
    for _ in range(5):
        threads.run(app, gate)
    for _ in range(4):
        assert gate.begun.acquire(timeout=30)
    assert not gate.begun.acquire(timeout=0.2)
    gate.open.set()
    assert gate.begun.acquire(timeout=30)
    threads.close()
