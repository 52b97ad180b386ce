"""Old rows are deleted or changed in batches, each in its own transaction: others don't wait long."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Table, delete, select

from notifyhub.database import timeouts
from notifyhub.database.connections import transaction

BATCH = 500
"""Rows of one transaction."""


def purge(table: Table, condition: ColumnElement[bool], order: Column[Any]) -> int:
    """Delete the rows that meet a condition, in the order of a column; return how many."""
    return in_batches(
        table,
        condition,
        order,
        lambda connection, ids: connection.execute(delete(table).where(table.c.id.in_(ids))),
    )


def in_batches(
    table: Table,
    condition: ColumnElement[bool],
    order: Column[Any],
    change: Callable[[Connection, list[int]], object],
) -> int:
    """Call `change` with the ids of rows that meet a condition, batch after batch; return how many they were.

    After its change a row must not meet the condition any more. Rows that others have locked are left for the
    next time.
    """
    old = select(table.c.id).where(condition).order_by(order).limit(BATCH).with_for_update(skip_locked=True)
    count = 0
    while True:
        with transaction() as connection:
            timeouts.lift(connection)
            ids = list(connection.scalars(old))
            change(connection, ids)
        count += len(ids)
        if len(ids) < BATCH:
            return count
