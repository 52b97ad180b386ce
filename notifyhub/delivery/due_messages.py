"""Due messages: a job for each is enqueued, and gives it a round."""

from collections.abc import Iterable, Sequence
from functools import partial

from sqlalchemy import Connection

from notifyhub.database.connections import after_commit
from notifyhub.delivery import rounds
from notifyhub.jobs.queues import CODES, MESSAGES, Job, publisher
from notifyhub.jobs.tasks import task
from notifyhub.messages.events import MessagesDue

DELIVER = "notifyhub.deliver"
FAN_OUT = "notifyhub.fan_out"

SINGLE_JOBS = 20
"""As many messages get a job each at once; more are enqueued as lists, which a worker takes apart."""
LIST_LENGTH = 1000


def on_due(_connection: Connection, events: Sequence[MessagesDue]) -> None:
    """Enqueue messages after the commit that makes them due."""
    for event in events:
        after_commit(partial(enqueue, event.ids, CODES if event.urgent else MESSAGES))


def enqueue(ids: Iterable[int], queue: str = MESSAGES) -> bool:
    """Enqueue messages; False if the broker can't be reached: then the sweep does it."""
    ids = list(ids)
    if len(ids) <= SINGLE_JOBS:
        jobs = [Job(DELIVER, [message_id]) for message_id in ids]
    else:
        lists = [ids[start : start + LIST_LENGTH] for start in range(0, len(ids), LIST_LENGTH)]
        jobs = [Job(FAN_OUT, [each, queue]) for each in lists]
    return publisher().publish(jobs, queue)


@task(DELIVER)
def deliver(message_id: int) -> None:
    """Give one message a round."""
    rounds.deliver(message_id)


@task(FAN_OUT)
def fan_out(ids: list[int], queue: str) -> None:
    """Enqueue a job for each of many messages."""
    publisher().publish([Job(DELIVER, [message_id]) for message_id in ids], queue)
