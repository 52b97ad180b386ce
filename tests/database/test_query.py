"""Reads are the same on both databases, whoever runs them."""

from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy import bindparam, column, select, table
from sqlalchemy.exc import DBAPIError

from notifyhub.database.base import table_of
from notifyhub.database.connections import autocommit
from notifyhub.database.outages import lacks_tables
from notifyhub.database.query import Query
from notifyhub.notifiers.models import SMSNotifier
from tests.support.factories import SMSNotifierFactory
from tests.support.queries import Queries

notifiers = table_of(SMSNotifier).c
BY_NAME = Query(
    select(notifiers.id, notifiers.settings, notifiers.created_at, notifiers.backend)
    .where(notifiers.name == bindparam("name"), notifiers.backend == "ippanel")
    .order_by(notifiers.id)
)
BROKEN = Query(select(column("id")).select_from(table("no_such_table")))


@pytest.fixture(autouse=True)
def context(app: Flask) -> Iterator[None]:
    with app.app_context():
        yield


def test_rows_are_as_sqlalchemy_gives_them() -> None:
    SMSNotifierFactory(name="other", backend="ippanel")
    made = [
        SMSNotifierFactory(name="a", backend="ippanel", settings=settings)
        for settings in ({"token": "t"}, {})
    ]
    expected = [(one.id, one.settings, one.created_at, "ippanel") for one in made]
    assert [tuple(row) for row in BY_NAME.all(autocommit(), {"name": "a"})] == expected
    first = BY_NAME.first(autocommit(), {"name": "a"})
    assert (first.id, first.settings, first.created_at, first.backend) == expected[0]
    assert BY_NAME.first(autocommit(), {"name": "b"}) is None


def test_what_listens_to_statements_hears_of_each_once(queries: Queries) -> None:
    with queries as sent:
        BY_NAME.all(autocommit(), {"name": "a"})
    assert len(sent) == 1
    assert "FROM sms_notifiers" in sent[0]


def test_errors_are_those_of_sqlalchemy() -> None:
    with pytest.raises(DBAPIError) as caught:
        BROKEN.all(autocommit(), {})
    assert lacks_tables(caught.value)
