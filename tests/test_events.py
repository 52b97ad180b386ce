"""Events: published inside a transaction, to the subscribers of their class."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Connection, literal, select

from notifyhub.database.connections import after_commit, transaction
from notifyhub.events import publish, subscribe, unsubscribe
from tests.support.events import subscribed


@dataclass(frozen=True)
class Opened:
    number: int


@dataclass(frozen=True)
class Closed:
    number: int


def test_the_subscribers_of_an_event_s_class_are_called_with_the_connection(app: Flask) -> None:
    calls: list[Any] = []

    def note(connection: Connection, event: Opened) -> None:
        calls.append((connection.scalar(select(literal(7))), event))

    with app.app_context(), subscribed(Opened, note), transaction() as connection:
        publish(connection, Opened(1))
        publish(connection, Closed(2))
    assert calls == [(7, Opened(1))]


def test_who_subscribes_twice_is_called_once_and_not_after_unsubscribing(app: Flask) -> None:
    calls: list[Any] = []

    def note(_connection: Connection, events: Sequence[Opened]) -> None:
        calls.append(events)

    with app.app_context(), transaction() as connection:
        subscribe(Opened, note)
        subscribe(Opened, note)
        publish(connection, Opened(1))
        unsubscribe(Opened, note)
        publish(connection, Opened(2))
    assert calls == [[Opened(1)]]


def test_events_that_are_published_together_come_together_those_of_a_class(app: Flask) -> None:
    calls: list[Any] = []

    def note(_connection: Connection, events: Sequence[Opened | Closed]) -> None:
        calls.append(events)

    with app.app_context(), transaction() as connection:
        subscribe(Opened, note)
        subscribe(Closed, note)
        publish(connection, Opened(1), Closed(2), Opened(3))
        publish(connection)
        unsubscribe(Opened, note)
        unsubscribe(Closed, note)
    assert calls == [[Opened(1), Opened(3)], [Closed(2)]]


def test_a_subscriber_s_error_fails_the_transaction_and_what_was_to_follow_it(app: Flask) -> None:
    done: list[int] = []

    def fail(_connection: Connection, event: Opened) -> None:
        after_commit(lambda: done.append(event.number))
        raise LookupError("broken")

    def open_one() -> None:
        with transaction() as connection:
            publish(connection, Opened(1))

    with app.app_context(), subscribed(Opened, fail), pytest.raises(LookupError, match="broken"):
        open_one()
    assert done == []


def test_what_a_subscriber_hands_over_is_done_after_the_commit(app: Flask) -> None:
    steps: list[str] = []

    def follow(_connection: Connection, _event: Opened) -> None:
        after_commit(lambda: steps.append("followed"))

    with app.app_context(), subscribed(Opened, follow):
        with transaction() as connection:
            publish(connection, Opened(1))
            steps.append("published")
        assert steps == ["published", "followed"]
