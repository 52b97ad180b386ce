"""Events: what has happened, published inside the transaction in which it happens.

An event is a frozen dataclass of the package that publishes it. Packages above subscribe to the class; what
they write belongs to the same transaction, and what is to follow it they hand to `connections.after_commit`.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from blinker import Signal
from sqlalchemy import Connection

E = TypeVar("E")

_signals: dict[type[Any], Signal] = {}


def subscribe(kind: type[E], subscriber: Callable[[Connection, E], None]) -> None:
    """Have `subscriber` called, with the connection, for each event of a class; twice is as once."""
    _signal(kind).connect(subscriber, weak=False)


def unsubscribe(kind: type[E], subscriber: Callable[[Connection, E], None]) -> None:
    """Have `subscriber` not called any more."""
    _signal(kind).disconnect(subscriber)


def publish(connection: Connection, event: object) -> None:
    """Call the subscribers of an event. An error of theirs is the caller's: the transaction fails with it."""
    for subscriber in _signal(type(event)).receivers_for(connection):
        subscriber(connection, event)


def _signal(kind: type[Any]) -> Signal:
    return _signals.setdefault(kind, Signal())
