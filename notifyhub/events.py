"""Events: what has happened, published inside the transaction in which it happens.

An event is a dataclass of the package that publishes it. Packages above subscribe to the class; what they
write belongs to the same transaction, and what is to follow it they hand to `connections.after_commit`.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from sqlalchemy import Connection

E = TypeVar("E")

_subscribers: dict[type[Any], list[Callable[[Connection, Any], None]]] = {}


def subscribe(kind: type[E], subscriber: Callable[[Connection, E], None]) -> None:
    """Have `subscriber` called, with the connection, for each event of a class; twice is as once."""
    subscribers = _subscribers.setdefault(kind, [])
    if subscriber not in subscribers:
        subscribers.append(subscriber)


def unsubscribe(kind: type[E], subscriber: Callable[[Connection, E], None]) -> None:
    """Have `subscriber` not called any more."""
    _subscribers[kind].remove(subscriber)


def publish(connection: Connection, event: object) -> None:
    """Call the subscribers of an event. An error of theirs is the caller's: the transaction fails with it."""
    for subscriber in _subscribers.get(type(event), ()):
        subscriber(connection, event)
