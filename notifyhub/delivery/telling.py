"""Telling others, inside the transaction that changes them, how far messages have come."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Row, Select, select

from notifyhub.database.base import table_of
from notifyhub.database.worker_connections import transaction
from notifyhub.messages.models import Message, MessageStatus
from notifyhub.messages.serializers import COLUMNS
from notifyhub.messages.signals import tell

_m = table_of(Message)

TOLD = (
    MessageStatus.SENT,
    MessageStatus.DELIVERED,
    MessageStatus.UNDELIVERED,
    MessageStatus.FAILED,
    MessageStatus.EXPIRED,
)
"""The statuses that others are told of."""

_whole: Select[Any] = select(*COLUMNS).where(_m.c.status.in_(TOLD)).order_by(_m.c.id)
_codes = select(_m.c.id, _m.c.otp_id)


@contextmanager
def telling() -> Iterator[tuple[Connection, Callable[[Sequence[int]], None]]]:
    """Give a connection in a transaction, and a function that takes the ids of messages changed in it.

    Others are told of those before the commit, and do after it what they have asked for.
    """
    ids: list[int] = []
    with transaction() as connection:
        yield connection, ids.extend
        afterwards = _tell(connection, ids) if ids else []
    for act in afterwards:
        act()


def _tell(connection: Connection, ids: Sequence[int]) -> list[Callable[[], None]]:
    rows: Sequence[Row[Any]] = connection.execute(_whole.where(_m.c.id.in_(ids))).all()
    otp_ids = {row.id: row.otp_id for row in connection.execute(_codes.where(_m.c.id.in_(ids)))}
    return [act for row in rows for act in tell(connection, row, otp_ids[row.id])]
