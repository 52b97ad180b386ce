"""Calls to providers that requests to the API wait for: few at once, and each within a time of its own.

Such a call keeps a thread of the server as long as the provider likes. With as many of them as there are
threads, nobody else would be answered.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from notifyhub.api.http.errors import throttled
from notifyhub.providers.sockets import exchange

MAX_CONCURRENT_CALLS = 4
"""Calls that this process makes at once."""

CALL_RETRY_AFTER_SECONDS = 5
"""Seconds after which it is worth trying again."""

_slots = threading.BoundedSemaphore(MAX_CONCURRENT_CALLS)


@contextmanager
def provider_call(seconds: float, limit: float = float("inf")) -> Iterator[None]:
    """Take one of the slots for the block, in which providers have so many seconds and bytes in all.

    Raises TooManyRequests at once if all slots are taken.
    """
    if not _slots.acquire(blocking=False):
        raise throttled(CALL_RETRY_AFTER_SECONDS)
    try:
        with exchange(seconds, limit):
            yield
    finally:
        _slots.release()
