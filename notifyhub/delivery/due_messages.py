"""Calls for messages that are due: one by one, or as lists where there are many."""

from collections.abc import Iterable
from functools import partial

from sqlalchemy import Connection

from notifyhub.database.connections import after_commit
from notifyhub.jobs.queues import CODES, MESSAGES, Job, publisher
from notifyhub.messages.events import MessagesDue

DELIVER = "notifyhub.deliver"
FAN_OUT = "notifyhub.fan_out"

SINGLY = 20
"""So many messages are called one by one; more go as lists, which a worker takes apart."""
LIST = 1000


def on_due(_connection: Connection, event: MessagesDue) -> None:
    """Enqueue messages after the commit that makes them due."""
    after_commit(partial(enqueue, event.ids, CODES if event.urgent else MESSAGES))


def enqueue(ids: Iterable[int], queue: str = MESSAGES) -> bool:
    """Wake workers for messages; False if the broker does not take part, and the sweep has to."""
    ids = list(ids)
    if len(ids) <= SINGLY:
        calls = [Job(DELIVER, [one]) for one in ids]
    else:
        calls = [Job(FAN_OUT, [ids[at : at + LIST], queue]) for at in range(0, len(ids), LIST)]
    return publisher().publish(calls, queue)
