"""Work in threads."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any


def in_threads(work: Callable[[Any], Any], values: Sequence[Any]) -> list[Any]:
    """Do the work with each value in a thread of its own; return what they return, or raise."""
    with ThreadPoolExecutor(len(values)) as pool:
        futures = [pool.submit(work, value) for value in values]
        return [future.exception(60) or future.result() for future in futures]
