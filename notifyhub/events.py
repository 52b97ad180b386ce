"""Events: what has happened, published inside the transaction in which it happens.

An event is a dataclass of the package that publishes it. Packages above subscribe to the class; what they
write belongs to the same transaction, and what is to follow it they hand to `connections.after_commit`.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from sqlalchemy import Connection

E = TypeVar("E")

_subscribers: dict[type[Any], list[Callable[[Connection, Any], None]]] = {}


def subscribe(kind: type[E], subscriber: Callable[[Connection, Sequence[E]], None]) -> None:
    """Have `subscriber` called, with the connection, for the events of a class; twice is as once.

    It gets all that are published together, at least one, in their order.
    """
    subscribers = _subscribers.setdefault(kind, [])
    if subscriber not in subscribers:
        subscribers.append(subscriber)


def unsubscribe(kind: type[E], subscriber: Callable[[Connection, Sequence[E]], None]) -> None:
    """Have `subscriber` not called any more."""
    _subscribers[kind].remove(subscriber)


def publish(connection: Connection, *events: object) -> None:
    """Call the subscribers of the events' classes, once for all events of a class.

    An error of theirs is the caller's: the transaction fails with it.
    """
    by_kind: dict[type[Any], list[object]] = {}
    for event in events:
        by_kind.setdefault(type(event), []).append(event)
    for kind, alike in by_kind.items():
        for subscriber in _subscribers.get(kind, ()):
            subscriber(connection, alike)
