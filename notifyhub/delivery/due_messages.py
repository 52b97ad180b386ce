"""Due messages: their ids go to the workers in lists, and each gets a round."""

from collections.abc import Iterable, Sequence
from functools import partial

from flask import current_app
from sqlalchemy import Connection

from notifyhub.database.connections import after_commit
from notifyhub.delivery import rounds
from notifyhub.jobs.buffer import JobBuffer
from notifyhub.jobs.queues import CODES, MESSAGES, Job, publisher
from notifyhub.jobs.tasks import task
from notifyhub.messages.events import MessagesDue

DELIVER = "notifyhub.deliver"

LIST_LENGTH = 1000
"""Messages in one job at most."""


def on_due(_connection: Connection, events: Sequence[MessagesDue]) -> None:
    """Enqueue messages after the commit that makes them due."""
    for event in events:
        after_commit(partial(_enqueue_event, event))


def _enqueue_event(event: MessagesDue) -> None:
    """Enqueue messages: a single one with others of these milliseconds, unless it is urgent."""
    if event.urgent:
        enqueue(event.ids, CODES)
    elif len(event.ids) > 1:
        enqueue(event.ids)
    else:
        buffer().add(event.ids[0])


def enqueue(ids: Iterable[int], queue: str = MESSAGES) -> bool:
    """Enqueue messages at once; False if the broker can't be reached: then the sweep does it."""
    ids = list(ids)
    lists = [ids[start : start + LIST_LENGTH] for start in range(0, len(ids), LIST_LENGTH)]
    return publisher().publish([Job(DELIVER, [each]) for each in lists], queue)


def buffer() -> JobBuffer:
    """Return the current application's buffer of due messages."""
    return current_app.extensions["due_messages"]  # type: ignore[no-any-return]


@task(DELIVER)
def deliver(ids: list[int]) -> None:
    """Give each of some messages a round."""
    for message_id in ids:
        rounds.deliver(message_id)
