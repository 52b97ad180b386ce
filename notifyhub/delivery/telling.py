"""Telling others, inside the transaction that changes them, how far messages have come."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from sqlalchemy import Connection, select

from notifyhub.database.base import table_of
from notifyhub.delivery.connections import transaction
from notifyhub.messages.models import Message, Status
from notifyhub.messages.representation import COLUMNS
from notifyhub.messages.signals import tell

_m = table_of(Message)
_whole = select(*COLUMNS, _m.c.otp_id).order_by(_m.c.id)

TOLD = (Status.SENT, Status.DELIVERED, Status.UNDELIVERED, Status.FAILED, Status.EXPIRED)
"""The statuses that others are told of."""


@contextmanager
def telling() -> Iterator[tuple[Connection, Callable[[Sequence[int]], None]]]:
    """Give a connection in a transaction, and a function that takes the ids of messages changed in it.

    Others are told of those before the commit, and do after it what they have asked for.
    """
    ids: list[int] = []
    with transaction() as connection:
        yield connection, ids.extend
        rows = connection.execute(_whole.where(_m.c.id.in_(ids), _m.c.status.in_(TOLD))).all() if ids else []
        afterwards = [act for row in rows for act in tell(connection, row[:-1], row[-1])]
    for act in afterwards:
        act()
