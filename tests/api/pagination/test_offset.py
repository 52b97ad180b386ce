"""Pages at any offset against the model, and how the database reads those behind many rows."""

from typing import Any
from urllib.parse import urlencode

import pytest
from flask import Flask
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, select

from notifyhub.api.pagination import offset
from notifyhub.database.base import now, table_of
from notifyhub.database.connections import autocommit, is_postgresql
from notifyhub.extensions import db
from notifyhub.patterns.models import SMSPattern
from tests.api.pagination.test_listing import (
    QUICK,
    check_page,
    every_collection,
    parameters_of,
    refill,
    rows_of,
)
from tests.api.resources import SMS_NOTIFIERS, SMS_PATTERNS, Collection
from tests.support.clients import Api
from tests.support.plans import before_statement, explained
from tests.support.service import until

PATTERNS = table_of(SMSPattern)
MANY = 2600


@pytest.fixture
def deep_from_the_second_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offset, "DEEP_OFFSET", 1)


@every_collection
@settings(QUICK, max_examples=25)
@given(data=st.data())
@pytest.mark.usefixtures("deep_from_the_second_row")
def test_the_page_at_every_offset_is_that_of_the_model(
    api: Api, app: Flask, collection: Collection, data: st.DataObject
) -> None:
    rows = data.draw(rows_of(collection))
    asked = data.draw(parameters_of(collection, "limit", "offset"))
    limit = data.draw(st.integers(1, 6))
    url = refill(app, collection, rows)
    for passed_over in range(len(rows) + 2):
        page = [("limit", str(limit)), ("offset", str(passed_over))]
        check_page(api, collection, url, rows, [*asked, *page])


@pytest.fixture
def many(app: Flask) -> str:
    """The URL of MANY patterns, with ties in all but name and id, among some of another notifier."""
    (url, scope), (_, other) = SMS_PATTERNS.place(app), SMS_PATTERNS.place(app)
    moment = {"created_at": now(), "updated_at": now()}
    rows = [
        {
            **(other if n % 50 == 49 else scope),
            **moment,
            "status": ("created", "pending", "approved", "rejected")[n // 4 % 4],
            "name": f"p-{n}",
            "code": str(n % 7),
            "body": "a text of a usual length, which makes a row as large as they are" * 3,
        }
        for n in range(MANY * 50 // 49)
    ]
    with app.app_context():
        with db.engine.begin() as connection:
            if is_postgresql():  # VACUUM marks what is on the disk alone
                connection.exec_driver_sql("SET LOCAL synchronous_commit = on")
            connection.execute(insert(PATTERNS), rows)
        if is_postgresql():
            until(_all_rows_are_visible, "no session reads what was there before the rows")
        else:
            autocommit().exec_driver_sql("ANALYZE")
    return url


def _all_rows_are_visible() -> bool:
    """Vacuum, and return whether an index alone can answer: not while autovacuum reads an older state."""
    autocommit().exec_driver_sql("VACUUM ANALYZE sms_patterns")
    pages = "SELECT relallvisible = relpages FROM pg_class WHERE relname = 'sms_patterns'"
    return bool(autocommit().exec_driver_sql(pages).scalar())


@pytest.mark.parametrize("ordering", ["", "id", "-name", "status", "-code,status", "created_at,-id"])
def test_a_page_behind_many_rows_is_that_part_of_the_whole(
    api: Api, app: Flask, many: str, ordering: str
) -> None:
    whole: list[int] = []
    for passed_over in (0, 900, 1800, 2700):
        page = api.get(
            f"{many}?{urlencode({'limit': 900, 'offset': passed_over, 'ordering': ordering})}"
        ).json
        whole += [row["id"] for row in page["results"]]
    assert len(set(whole)) == len(whole) == MANY
    for passed_over in (999, 1000, 1001, 1299, 1300, 1301, 2549, 2550, 2551, 2599, 2600, 2601, 10**40):
        asked = {"limit": 50, "offset": passed_over, "ordering": ordering}
        page = api.get(f"{many}?{urlencode(asked)}").json
        assert page["count"] == MANY
        assert [row["id"] for row in page["results"]] == whole[passed_over : passed_over + 50]
        assert (page["next"] is None) == (passed_over + 50 >= MANY)


@pytest.mark.parametrize("ordering", ["id", "-id"])
def test_a_page_behind_many_rows_is_found_in_the_index_alone(
    api: Api, app: Flask, many: str, ordering: str
) -> None:
    api.get("/api/me")  # which notes the token's use
    with explained(app) as plans:
        api.get(f"{many}?limit=50&offset=1000&ordering={ordering}")
    _caller, page = plans
    if "Index Only Scan" in page:
        assert page.count("Index Only Scan") == 2
        assert page.count("using ix_sms_patterns_notifier_id_id on") == 2
    else:
        assert page.count("USING COVERING INDEX ix_sms_patterns_notifier_id") == 2
        assert page.count("USING INTEGER PRIMARY KEY") == 1  # the 50 rows themselves
        assert page.count("SEARCH sms_patterns") == 3


def test_a_count_reads_the_smallest_index_alone(api: Api, app: Flask, many: str) -> None:
    api.get("/api/me")
    with explained(app) as plans:
        api.get(f"{many}?limit=50")
    assert any(
        words in plans[1]
        for words in (
            "Index Only Scan using ix_sms_patterns_notifier_id on",
            "USING COVERING INDEX ix_sms_patterns_notifier_id (",
        )
    )


def test_rows_that_come_after_an_empty_page_was_read_are_not_counted(api: Api, app: Flask) -> None:
    with app.app_context():
        SMS_NOTIFIERS.factory.create_batch(3)
    api.get("/api/me")

    def come() -> None:
        row: dict[str, Any] = {"name": "late", "backend": "ippanel", "created_at": now(), "updated_at": now()}
        with db.engine.begin() as connection:
            connection.execute(insert(SMS_NOTIFIERS.table).values(**row))

    with before_statement(app, 3, come):  # the caller, the page, the count
        page = api.get(f"{SMS_NOTIFIERS.url}?offset=3").json
    with app.app_context():
        assert len(db.session.execute(select(SMS_NOTIFIERS.table.c.id)).all()) == 4
    assert (page["count"], page["next"], page["results"]) == (3, None, [])
