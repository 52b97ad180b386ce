"""Statements that are done together, on both databases alike."""

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import bindparam, insert, select, update

from notifyhub.database.base import now, table_of
from notifyhub.database.combined_statement import CombinedStatement
from notifyhub.database.connections import autocommit, transaction
from notifyhub.messages.models import Batch

batches = table_of(Batch)


def _add(batch: Any) -> Any:
    return select((batch.count + 1).label("next_count"))


def _insert(batch: Any) -> Any:
    following = select(batch.next_count, batch.created_at).where(batch.next_count < 10)
    return (
        insert(batches).from_select(["count", "created_at"], following).returning(batches.c.id.label("new"))
    )


STATEMENT = CombinedStatement(
    update(batches)
    .where(batches.c.id == bindparam("batch_id"))
    .values(count=bindparam("new_count"))
    .returning(batches.c.id, batches.c.count, batches.c.created_at),
    then=[_add, _insert],
)


@pytest.fixture
def batch_id(app: Flask) -> Any:
    with app.app_context():
        with transaction() as connection:
            stored = insert(batches).values(count=1, created_at=now()).returning(batches.c.id)
            found = connection.scalar(stored)
        yield found


def counts() -> list[int]:
    return list(autocommit().scalars(select(batches.c.count).order_by(batches.c.id)))


def test_each_step_is_made_of_what_those_before_have_returned(batch_id: int) -> None:
    row = STATEMENT.first_alone({"batch_id": batch_id, "new_count": 5})
    assert (row.id, row.count, row.next_count) == (batch_id, 5, 6)
    assert row.new > batch_id
    assert counts() == [5, 6]


def test_what_a_step_did_not_return_is_null(batch_id: int) -> None:
    row = STATEMENT.first_alone({"batch_id": batch_id, "new_count": 9})
    assert (row.next_count, row.new) == (10, None)
    assert counts() == [9]


def test_without_a_row_to_change_there_is_none(batch_id: int) -> None:
    with transaction() as connection:
        assert STATEMENT.first(connection, {"batch_id": batch_id + 1, "new_count": 9}) is None
    assert counts() == [1]


def test_a_transaction_that_fails_leaves_nothing_of_it(batch_id: int) -> None:
    def fail() -> None:
        with transaction() as connection:
            STATEMENT.first(connection, {"batch_id": batch_id, "new_count": 5})
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert counts() == [1]
