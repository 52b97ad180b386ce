"""Subscribers for the time of a test."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from sqlalchemy import Connection

from notifyhub.events import subscribe, unsubscribe

E = TypeVar("E")


@contextmanager
def subscribed(kind: type[E], subscriber: Callable[[Connection, E], None]) -> Iterator[None]:
    subscribe(kind, subscriber)
    try:
        yield
    finally:
        unsubscribe(kind, subscriber)
