"""Changes of many rows by values of their own, on both databases alike."""

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import bindparam, func, insert, select, update

from notifyhub.database.base import now, table_of
from notifyhub.database.bulk_change import BulkChange
from notifyhub.database.connections import autocommit, transaction
from notifyhub.delivery.models import CircuitBreaker
from notifyhub.messages.models import Batch

batches, breakers = table_of(Batch), table_of(CircuitBreaker)

CHANGE = BulkChange(
    update(batches)
    .where(batches.c.id == bindparam("batch_id"))
    .values(count=func.coalesce(bindparam("new_count", type_=batches.c.count.type), batches.c.count)),
    returning=[batches.c.id, batches.c.count],
    along=[
        update(breakers)
        .where(breakers.c.channel == bindparam("of_channel"))
        .values(failures=bindparam("new_failures"))
    ],
)


@pytest.fixture
def ids(app: Flask) -> Any:
    """Three batches that count 0, 1 and 2, and a breaker."""
    with app.app_context():
        with transaction() as connection:
            connection.execute(insert(breakers).values(channel="sms", notifier_id=1, failures=0))
            stored = [{"count": count, "created_at": now()} for count in range(3)]
            connection.execute(insert(batches), stored)
            found = connection.scalars(select(batches.c.id).order_by(batches.c.count)).all()
        yield found


def values(id: int, count: int | None, channel: str | None = None, failures: int | None = None) -> Any:
    return {"batch_id": id, "new_count": count, "of_channel": channel, "new_failures": failures}


def counts() -> list[int]:
    return list(autocommit().scalars(select(batches.c.count).order_by(batches.c.id)))


def test_each_row_gets_its_own_values_and_is_returned_in_the_order_of_the_values(ids: list[int]) -> None:
    first, _, third = ids
    with transaction() as connection:
        rows = CHANGE.all(connection, [values(third, 7), values(0, 9), values(first, None)])
    assert [row and (row.id, row.count) for row in rows] == [(third, 7), None, (first, 0)]
    assert counts() == [0, 1, 7]


def test_what_goes_along_is_changed_by_the_same_values_and_by_none_of_null(ids: list[int]) -> None:
    with transaction() as connection:
        CHANGE.all(connection, [values(ids[0], 4), values(0, 9, "sms", 3), values(ids[1], 5)])
    assert autocommit().scalar(select(breakers.c.failures)) == 3
    assert counts() == [4, 5, 2]


def test_one_row_is_changed_the_same_way(ids: list[int]) -> None:
    with transaction() as connection:
        (row,) = CHANGE.all(connection, [values(ids[1], 8, "sms", 1)])
    assert (row.id, row.count, counts()) == (ids[1], 8, [0, 8, 2])


def test_a_transaction_that_fails_leaves_nothing_of_it(ids: list[int]) -> None:
    def fail() -> None:
        with transaction() as connection:
            CHANGE.all(connection, [values(ids[0], 4, "sms", 3), values(ids[1], 5)])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert counts() == [0, 1, 2]
    assert autocommit().scalar(select(breakers.c.failures)) == 0
