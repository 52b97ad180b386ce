"""Statements that are done together, on both databases alike."""

from typing import Any

import psycopg
import pytest
from flask import Flask
from sqlalchemy import bindparam, case, insert, null, select, update
from sqlalchemy.exc import IntegrityError

from notifyhub.database.base import now, table_of
from notifyhub.database.combined_statement import CombinedStatement
from notifyhub.database.connections import autocommit, transaction
from notifyhub.messages.models import Batch

batches = table_of(Batch)


def _add(batch: Any) -> Any:
    return select(batch.id, (batch.count + 1).label("next_count"))


def _insert(batch: Any) -> Any:
    """Return the insertion of batches that count the ids of those that they are made of."""
    moment = case((batch.next_count != FAILS, batch.created_at), else_=null())
    following = select(batch.id, moment).where(batch.next_count < 10)
    inserted = insert(batches).from_select(["count", "created_at"], following)
    return inserted.returning(batches.c.count, batches.c.id.label("new"))


FAILS = 8

STATEMENT = CombinedStatement(
    batches.c.id,
    update(batches)
    .where(batches.c.count < 100)
    .values(count=bindparam("new_count"))
    .returning(batches.c.id, batches.c.count, batches.c.created_at),
    then=[_add, _insert],
)


@pytest.fixture
def ids(app: Flask) -> Any:
    """Three batches, of which one can't be changed."""
    with app.app_context():
        with transaction() as connection:
            rows = [{"count": count, "created_at": now()} for count in (1, 2, 100)]
            connection.execute(insert(batches), rows)
            found = list(connection.scalars(select(batches.c.id).order_by(batches.c.count)))
        yield found


def counts() -> list[int]:
    return list(autocommit().scalars(select(batches.c.count).order_by(batches.c.id)))


def test_each_step_is_made_of_what_those_before_have_returned(ids: list[int]) -> None:
    (row,) = STATEMENT.all(ids[:1], {"new_count": 5})
    assert (row.id, row.count, row.next_count) == (ids[0], 5, 6)
    assert row.new > ids[-1]
    assert counts() == [5, 2, 100, ids[0]]


def test_of_many_rows_each_has_its_own_and_those_that_can_not_be_changed_are_left_out(ids: list[int]) -> None:
    rows = STATEMENT.all([*ids, ids[-1] + 100], {"new_count": 5})
    assert sorted((row.id, row.next_count) for row in rows) == [(ids[0], 6), (ids[1], 6)]
    made = {row.id: row.new for row in rows}
    assert counts() == [5, 5, 100, *sorted(made, key=made.__getitem__)]


def test_what_a_step_did_not_return_is_null(ids: list[int]) -> None:
    (row,) = STATEMENT.all(ids[:1], {"new_count": 9})
    assert (row.next_count, row.new) == (10, None)
    assert counts() == [9, 2, 100]


def test_without_a_row_to_change_there_is_none(ids: list[int]) -> None:
    assert STATEMENT.all([ids[-1] + 1], {"new_count": 9}) == STATEMENT.all([], {"new_count": 9}) == []
    assert counts() == [1, 2, 100]


def test_a_step_that_fails_leaves_nothing_of_the_others(ids: list[int]) -> None:
    with pytest.raises((IntegrityError, psycopg.IntegrityError)):
        STATEMENT.all(ids, {"new_count": FAILS - 1})
    assert counts() == [1, 2, 100]
