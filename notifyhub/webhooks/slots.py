"""Slots: a receiver that fails, by silence above all, must not keep all of a worker's threads from others."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

FAILING_WEBHOOK_SLOTS = 4
"""Attempts that this process makes at a time at one webhook that fails."""

_lock = threading.Lock()
_running: Counter[int] = Counter()


@contextmanager
def slot(webhook_id: int, *, failing: bool) -> Iterator[bool]:
    """Take a slot for an attempt at a webhook while the block runs; gives False if none is free."""
    with _lock:
        free = not failing or _running[webhook_id] < FAILING_WEBHOOK_SLOTS
        _running[webhook_id] += free
    try:
        yield free
    finally:
        with _lock:
            _running[webhook_id] -= free
            if not _running[webhook_id]:
                del _running[webhook_id]
