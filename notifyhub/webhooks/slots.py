"""Slots: what the attempts of this process at one webhook know of each other.

A receiver that fails, by silence above all, must not keep all of a worker's threads from others. One that
wants no more is not called by those who have claimed a delivery before that is written.
"""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

FAILING_WEBHOOK_SLOTS = 4
"""Attempts that this process makes at a time at one webhook that fails."""

_lock = threading.Lock()
_running: Counter[int] = Counter()
_gone: dict[int, datetime] = {}


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
                _gone.pop(webhook_id, None)


def set_gone(webhook_id: int, updated_at: datetime) -> None:
    """Take note that a webhook, last changed then, has answered that it is gone; called in a slot of it."""
    with _lock:
        _gone[webhook_id] = updated_at


def is_gone(webhook_id: int, updated_at: datetime) -> bool:
    """Return whether a webhook has answered so in a slot, and was not changed since."""
    with _lock:
        return _gone.get(webhook_id) == updated_at
