"""Turns: a receiver that fails, by silence above all, must not keep all of a worker's threads from others."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

AT_ONCE = 4
"""Attempts that this process makes at once at a webhook that fails."""

_lock = threading.Lock()
_running: Counter[int] = Counter()


@contextmanager
def slot(webhook_id: int, *, failing: bool) -> Iterator[bool]:
    """Count an attempt at a webhook while the block runs; false, if it has to come later."""
    with _lock:
        free = not failing or _running[webhook_id] < AT_ONCE
        _running[webhook_id] += free
    try:
        yield free
    finally:
        with _lock:
            _running[webhook_id] -= free
            if not _running[webhook_id]:
                del _running[webhook_id]
