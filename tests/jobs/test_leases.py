"""Leases: of all workers one has a row, until it lets go of it or has died."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import ColumnElement, Connection, insert, select, update
from sqlalchemy.orm import Mapped, mapped_column, registry

from notifyhub.database.base import now
from notifyhub.extensions import db
from notifyhub.jobs import leases
from notifyhub.jobs.leases import Leased

START = now()
SECOND = timedelta(seconds=1)
PAST, FUTURE = START - SECOND, START + SECOND

models = registry()


@models.mapped
class Work(Leased):
    __tablename__ = "work_of_a_test"
    id: Mapped[int] = mapped_column(primary_key=True)


work = Work.__table__  # type: ignore[attr-defined]


@pytest.fixture
def connection(app: Flask) -> Iterator[Connection]:
    with app.app_context(), db.engine.connect() as connection:
        models.metadata.create_all(connection)
        yield connection
        connection.rollback()
        models.metadata.drop_all(connection)
        connection.commit()


def add(connection: Connection, **values: Any) -> None:
    connection.execute(insert(work), {"id": 1, **values})


def found(connection: Connection, condition: ColumnElement[bool], **values: Any) -> bool:
    return connection.execute(select(work.c.id).where(condition), values).first() is not None


def stored(connection: Connection) -> dict[str, Any]:
    return dict(connection.execute(select(work)).mappings().one())


@pytest.mark.parametrize(
    ("values", "conditions"),
    [
        ({"next_attempt_at": None}, []),
        ({"next_attempt_at": FUTURE}, []),
        ({"next_attempt_at": START}, ["due", "free"]),
        ({"next_attempt_at": PAST}, ["due", "free"]),
        ({"next_attempt_at": FUTURE, "lease_until": FUTURE}, []),
        ({"next_attempt_at": PAST, "lease_until": FUTURE}, []),
        ({"next_attempt_at": PAST, "lease_until": PAST}, ["lapsed", "free"]),
    ],
)
def test_a_row_is_due_from_its_moment_unless_somebody_has_it(
    connection: Connection, values: dict[str, Any], conditions: list[str]
) -> None:
    add(connection, lease_token="x" if "lease_until" in values else None, **values)
    assert [
        name
        for name in ("due", "lapsed", "free")
        if found(connection, getattr(leases, name)(work), now=START)
    ] == conditions


def test_a_lease_is_taken_by_one_renewed_and_released_by_its_worker_alone(connection: Connection) -> None:
    add(connection, next_attempt_at=START)
    take = update(work).where(leases.due(work)).values(leases.taken())
    first, second = leases.new_token(), leases.new_token()
    assert [
        connection.execute(take, {"now": START, "until": FUTURE, "token": token}).rowcount
        for token in (first, second)
    ] == [1, 0]
    assert stored(connection) == {
        "id": 1,
        "next_attempt_at": FUTURE,
        "enqueued_at": None,
        "lease_token": first,
        "lease_until": FUTURE,
    }
    renew = update(work).where(leases.held(work)).values(leases.renewed())
    later = FUTURE + SECOND
    assert [
        connection.execute(renew, {"until": later, "token": token}).rowcount for token in (second, first)
    ] == [0, 1]
    row = stored(connection)
    assert row["next_attempt_at"] == row["lease_until"] == later
    release = update(work).where(leases.held(work)).values(leases.RELEASED)
    assert [connection.execute(release, {"token": token}).rowcount for token in (second, first)] == [0, 1]
    row = stored(connection)
    assert row["lease_token"] is row["lease_until"] is None


def test_two_tokens_are_never_the_same_and_fit_their_column() -> None:
    tokens = {leases.new_token() for _ in range(1000)}
    assert len(tokens) == 1000
    assert {len(token) for token in tokens} == {32}
