"""Subscribers for the time of a test."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from sqlalchemy import Connection

from notifyhub.events import subscribe, unsubscribe

E = TypeVar("E")


@contextmanager
def subscribed(kind: type[E], subscriber: Callable[[Connection, E], None]) -> Iterator[None]:
    """Have `subscriber` called for each event of a class."""

    def call_for_each(connection: Connection, events: Sequence[E]) -> None:
        for event in events:
            subscriber(connection, event)

    subscribe(kind, call_for_each)
    try:
        yield
    finally:
        unsubscribe(kind, call_for_each)
