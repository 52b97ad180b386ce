"""The worker's threads."""

import threading
from typing import Any

import pytest

from notifyhub.jobs.pool import queue_pool
from notifyhub.jobs.threads import Threads


def request_of(queue: str) -> dict[str, Any]:
    return {"delivery_info": {"routing_key": queue}}


@pytest.mark.parametrize(("busy", "free"), [("n.messages", "n.codes"), ("n.codes", "n.messages")])
def test_the_jobs_of_one_queue_do_not_wait_for_those_of_another(busy: str, free: str) -> None:
    pool = queue_pool({"n.codes": 1, "n.messages": 1}, Threads(1))(limit=2)
    gate, done = threading.Event(), threading.Event()
    held = [pool.on_apply(lambda *_: gate.wait(10), ("", "", request_of(busy))) for _ in range(3)]
    pool.on_apply(lambda *_: done.set(), ("", "", request_of(free)))
    assert done.wait(5)
    assert not held[1].f.running()
    gate.set()
    pool.on_stop()
    assert all(each.f.done() for each in held)
