"""Due messages: jobs with lists of them are enqueued, and workers give them their rounds."""

from collections import deque
from collections.abc import Iterable, Sequence
from functools import partial

from flask import current_app
from sqlalchemy import Connection

from notifyhub.database.connections import after_commit, release
from notifyhub.delivery import rounds
from notifyhub.delivery.shared_calls import plan
from notifyhub.jobs.buffer import JobBuffer
from notifyhub.jobs.queues import CODES, MESSAGES, Job, publisher
from notifyhub.jobs.tasks import task
from notifyhub.jobs.threads import threads
from notifyhub.messages.events import MessagesDue

DELIVER = "notifyhub.deliver"
DELIVER_CODE = "notifyhub.deliver_code"

LIST_LENGTH = 1000
"""The most messages that a job carries."""
CLAIMED_TOGETHER = 100
"""The most messages that a statement claims, unless a call has more."""


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
    """Enqueue messages; False if the broker can't be reached: then the recovery does it."""
    ids = list(ids)
    if queue == CODES:
        jobs = [Job(DELIVER_CODE, [id_]) for id_ in ids]
    else:
        jobs = [Job(DELIVER, [ids[n : n + LIST_LENGTH]]) for n in range(0, len(ids), LIST_LENGTH)]
    return publisher().publish(jobs, queue)


def buffer() -> JobBuffer:
    """Return the current application's buffer of due messages."""
    return current_app.extensions["due_messages"]  # type: ignore[no-any-return]


@task(DELIVER_CODE)
def deliver_code(message_id: int) -> None:
    """Give a message with a one-time password a round, in this thread."""
    rounds.deliver(message_id)


@task(DELIVER, acks_late=True)
def deliver(ids: list[int]) -> None:
    """Give messages their rounds, as many at a time as there are threads free for them.

    A worker that is told to stop begins no more of them. It does not acknowledge the job, either, since it
    has closed its connection by then: the broker gives the list to another, who finds what is still due.
    """
    calls = deque(plan(ids))
    release()
    while calls and (reserved := threads().reserve(len(calls))):
        taken = _take(calls, reserved)
        threads().give_back(reserved - len(taken))
        _begin(taken)


def _take(calls: deque[list[int]], most: int) -> list[list[int]]:
    """Take calls from the front, of so many messages in all that they are claimed in one short statement."""
    taken = [calls.popleft()]
    room = CLAIMED_TOGETHER - len(taken[0])
    while calls and len(taken) < most and len(calls[0]) <= room:
        room -= len(calls[0])
        taken.append(calls.popleft())
    return taken


def _begin(calls: Sequence[Sequence[int]]) -> None:
    """Claim the messages of some calls, and begin their rounds in the places that are reserved for them."""
    begun = 0
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    try:
        claimed = {message.id: message for message in rounds.claim([id_ for call in calls for id_ in call])}
        release()
        for call in calls:
            # Taken out: a list may name a message twice.
            if found := [claimed.pop(id_) for id_ in call if id_ in claimed]:
                threads().run(app, rounds.give_rounds, found)
                begun += 1
    finally:
        threads().give_back(len(calls) - begun)
