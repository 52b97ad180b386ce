"""Calls for messages that are due: one by one, or as lists where there are many."""

from collections.abc import Iterable, Sequence
from typing import Any

from flask import Flask

from notifyhub.jobs.queues import CODES, MESSAGES, Job, publisher
from notifyhub.messages.signals import due

DELIVER = "notifyhub.deliver"
FAN_OUT = "notifyhub.fan_out"

SINGLY = 20
"""So many messages are called one by one; more go as lists, which a worker takes apart."""
LIST = 1000


def init_app(_app: Flask) -> None:
    """Have workers woken for messages that are due."""
    due.connect(_on_due)


def _on_due(_sender: Any, ids: Sequence[int], urgent: bool) -> None:
    enqueue(ids, CODES if urgent else MESSAGES)


def enqueue(ids: Iterable[int], queue: str = MESSAGES) -> bool:
    """Wake workers for messages; False if the broker does not take part, and the sweep has to."""
    ids = list(ids)
    if len(ids) <= SINGLY:
        calls = [Job(DELIVER, [one]) for one in ids]
    else:
        calls = [Job(FAN_OUT, [ids[at : at + LIST], queue]) for at in range(0, len(ids), LIST)]
    return publisher().publish(calls, queue)
