"""The list of messages against a plain model of it."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert

from notifyhub.extensions import db
from notifyhub.messages.models import Batch, Channel, Message, Status
from tests.conftest import Api
from tests.factories import MessageFactory
from tests.messages.accounts import MESSAGES

DAY = datetime(2025, 3, 1, tzinfo=UTC)
RECIPIENTS = {"sms": ["+989121234567", "+989121234568"], "email": ["a@example.com", "A@example.com"]}

KINDS = st.fixed_dictionaries(
    {
        "channel": st.sampled_from(list(Channel)),
        "status": st.sampled_from([Status.QUEUED, Status.DELIVERED, Status.DELIVERED, Status.FAILED]),
        "to": st.integers(0, 1),
        "notifier_id": st.integers(1, 2),
        "pattern_id": st.none() | st.integers(1, 2),
        "reference": st.none() | st.sampled_from(["a", "A", "a,b", "%"]),
        "batch": st.booleans(),
        "is_test": st.booleans(),
        "hours": st.integers(0, 40),
        "late": st.integers(0, 9),
    }
)

FILTERS: dict[str, tuple[st.SearchStrategy[str], Callable[[dict[str, Any], str], bool]]] = {
    "status": (
        st.lists(st.sampled_from(list(Status)), min_size=1, max_size=3).map(",".join),
        lambda row, value: row["status"] in value.split(","),
    ),
    "channel": (st.sampled_from(["sms", "email"]), lambda row, value: row["channel"] == value),
    "to": (
        st.sampled_from(["+989121234567", "0912 123 4568", "a@example.com", "nobody"]),
        lambda row, value: row["recipient"] == {"0912 123 4568": "+989121234568"}.get(value, value),
    ),
    "reference": (st.sampled_from(["a", "A", "a,b", "%", "b"]), lambda row, value: row["reference"] == value),
    "batch": (st.sampled_from(["1", "2"]), lambda row, value: row["batch_id"] == int(value)),
    "notifier": (st.sampled_from(["1", "2", "3"]), lambda row, value: row["notifier_id"] == int(value)),
    "pattern": (st.sampled_from(["1", "2", "3"]), lambda row, value: row["pattern_id"] == int(value)),
    "test": (
        st.sampled_from(["true", "FALSE", "1", "0"]),
        lambda row, value: row["is_test"] == (value.lower() in {"true", "1"}),
    ),
    "id_min": (st.integers(0, 40).map(str), lambda row, value: row["id"] >= int(value)),
    "id_max": (st.integers(0, 40).map(str), lambda row, value: row["id"] <= int(value)),
    "created_from": (
        st.sampled_from(["2025-03-01", "2025-03-02", "2025-03-03"]),
        lambda row, value: f"{row['created_at']:%F}" >= value,
    ),
    "created_to": (
        st.sampled_from(["2025-02-28", "2025-03-01", "2025-03-02"]),
        lambda row, value: f"{row['created_at']:%F}" <= value,
    ),
}


class Rows:
    """The rows that there are, and the plain model of the list of them."""

    def __init__(self, app: Flask, kinds: list[dict[str, Any]]) -> None:
        self.app = app
        self.rows: list[dict[str, Any]] = []
        with app.app_context(), db.engine.begin() as connection:
            connection.execute(delete(Message))
            connection.execute(delete(Batch))
            connection.execute(insert(Batch).values(id=1, count=1))
        self.hours = 0
        self.add(kinds)

    def add(self, kinds: list[dict[str, Any]]) -> None:
        """Store rows; their ids rise with the moments of their creation, but for some minutes."""
        added = [self._row(n, dict(kind)) for n, kind in enumerate(kinds, start=len(self.rows) + 1)]
        if added:
            with self.app.app_context(), db.engine.begin() as connection:
                connection.execute(insert(Message), added)
        self.rows += added

    def _row(self, n: int, kind: dict[str, Any]) -> dict[str, Any]:
        self.hours += kind.pop("hours")
        created = DAY + timedelta(hours=self.hours, minutes=-kind.pop("late"))
        return {
            **kind,
            "id": n,
            "recipient": RECIPIENTS[kind["channel"]][kind.pop("to")],
            "batch_id": 1 if kind.pop("batch") else None,
            "notifier_name": "n",
            "home_notifier_id": 1,
            "created_at": created,
            "updated_at": created,
            "expires_at": created,
        } | {"pattern_name": kind["pattern_id"] and "p"}

    def matching(self, asked: dict[str, str]) -> list[int]:
        """Return the ids that a list with these filters has, newest first."""
        found = [row["id"] for row in self.rows if all(FILTERS[name][1](row, asked[name]) for name in asked)]
        return found[::-1]


@st.composite
def asked(draw: st.DrawFn) -> dict[str, str]:
    names = draw(st.sets(st.sampled_from(sorted(FILTERS)), max_size=3))
    names |= {"channel"} if "notifier" in names else set()
    return {name: draw(FILTERS[name][0]) for name in sorted(names)}


@settings(max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    kinds=st.lists(KINDS, max_size=30),
    later=st.lists(st.lists(KINDS, max_size=3), max_size=4),
    filters=asked(),
    limit=st.integers(1, 12),
)
def test_walking_forth_and_back_meets_each_row_once(
    app: Flask,
    api: Api,
    kinds: list[dict[str, Any]],
    later: list[list[dict[str, Any]]],
    filters: dict[str, str],
    limit: int,
) -> None:
    rows = Rows(app, kinds)
    expected = rows.matching(filters)
    coming = iter(later)
    pages = list(walk(api, f"{MESSAGES}?{urlencode({**filters, 'limit': limit})}", "next", rows, coming))
    assert [id_ for page in pages for id_ in ids(page)] == expected
    assert all(len(ids(page)) == limit for page in pages[:-1])
    assert pages[0]["previous"] is None
    if pages[-1]["previous"] is not None:
        rows.add([kind for kinds in coming for kind in kinds])
        back = list(walk(api, pages[-1]["previous"], "previous", rows, iter(())))
        met = [id_ for page in reversed(back) for id_ in ids(page)]
        assert met + ids(pages[-1]) == rows.matching(filters)


def walk(
    api: Api, url: str | None, direction: str, rows: Rows, coming: Iterator[list[dict[str, Any]]]
) -> Iterator[dict[str, Any]]:
    """Give the pages in a direction; before each other one, rows come."""
    while url is not None:
        answer = api.get(url)
        assert answer.status == 200, answer.json
        assert list(answer.json) == ["next", "previous", "results"]
        yield answer.json
        rows.add(next(coming, []))
        url = answer.json[direction]


def ids(page: dict[str, Any]) -> list[int]:
    return [message["id"] for message in page["results"]]


@pytest.fixture
def five(app: Flask) -> list[int]:
    with app.app_context():
        return [message.id for message in MessageFactory.create_batch(5)]


def test_links_are_absolute_and_keep_all_other_parameters(api: Api, five: list[int]) -> None:
    page = api.get(f"{MESSAGES}?limit=2&status=queued,sent&other=a%26b&other=c&reference=").json
    parts = urlsplit(page["next"])
    assert f"{parts.scheme}://{parts.netloc}{parts.path}" == f"http://localhost{MESSAGES}"
    parameters = parse_qs(parts.query)
    assert parameters.pop("cursor")
    assert parameters == {"limit": ["2"], "status": ["queued,sent"], "other": ["a&b", "c"]}


def test_a_page_before_the_newest_row_leads_back_to_it(api: Api, app: Flask, five: list[int]) -> None:
    second = api.get(api.get(f"{MESSAGES}?limit=2").json["next"]).json
    first = api.get(second["previous"]).json
    assert (ids(first), first["previous"]) == (five[:-3:-1], None)
    with app.app_context():
        db.session.execute(delete(Message).where(Message.id.in_(five[3:])))
        db.session.commit()
    empty = api.get(second["previous"]).json
    assert (ids(empty), empty["previous"]) == ([], None)
    assert ids(api.get(empty["next"]).json) == ids(second)


def test_a_page_behind_the_last_row_leads_back_to_it(api: Api, app: Flask, five: list[int]) -> None:
    first = api.get(f"{MESSAGES}?limit=3").json
    with app.app_context():
        db.session.execute(delete(Message).where(Message.id.in_(five[:2])))
        db.session.commit()
    empty = api.get(first["next"]).json
    assert (ids(empty), empty["next"]) == ([], None)
    assert ids(api.get(empty["previous"]).json) == ids(first)


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "cD0x\n",
        "====",
        "cD0",
        "cD1",
        "cD0tMQ==",
        "cD0xMjM0NTY3ODkwMTIzNDU2Nzg5MA==",
        "سلام",
        "%00",
        "bz0xJnA9MQ==",
    ],
)
def test_a_bad_cursor_is_404(api: Api, cursor: str) -> None:
    answer = api.get(f"{MESSAGES}?{urlencode({'cursor': cursor})}")
    assert (answer.status, answer.json) == (404, {"detail": "Invalid cursor"})


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("status=x", "status"),
        ("status=queued,", "status"),
        ("status=QUEUED", "status"),
        ("channel=fax", "channel"),
        ("notifier=1", "notifier"),
        ("notifier=x&channel=sms", "notifier"),
        ("pattern=1.5", "pattern"),
        ("batch=-", "batch"),
        ("test=maybe", "test"),
        ("to=%00", "to"),
        ("reference=a%00", "reference"),
        ("limit=0", "limit"),
        ("limit=%DB%B1", "limit"),
        ("id_min=x", "id_min"),
        ("created_from=2025-02-30", "created_from"),
        ("created_to=20250101", "created_to"),
        ("status=x&cursor=x", "status"),
    ],
)
def test_a_bad_parameter_is_400(api: Api, query: str, name: str) -> None:
    answer = api.get(f"{MESSAGES}?{query}")
    assert (answer.status, list(answer.json)) == (400, [name])


@pytest.mark.parametrize(
    "query",
    [
        "status=&channel=&to=&reference=&batch=&notifier=&pattern=&test=&cursor=&limit=",
        "limit=1001",
        "limit=99999999999999999999",
        "id_min=-99999999999999999999&id_max=99999999999999999999",
        "created_from=0001-01-01&created_to=9999-12-31",
        "status=queued , sent",
        "unknown=x&offset=x&search=x",
        "status=x&status=queued",
    ],
)
def test_what_is_no_restriction_shows_all(api: Api, five: list[int], query: str) -> None:
    assert ids(api.get(f"{MESSAGES}?{query}").json) == five[::-1]


@pytest.mark.parametrize(
    "query",
    [
        "id_min=2&id_max=1",
        "created_from=2025-01-02&created_to=2025-01-01",
        "created_from=9999-12-31",
        "created_to=0001-01-01",
        "batch=99999999999999999999",
        "channel=sms&notifier=0",
    ],
)
def test_what_no_row_meets_is_an_empty_page(api: Api, five: list[int], query: str) -> None:
    assert api.get(f"{MESSAGES}?{query}").json == {"next": None, "previous": None, "results": []}


def test_a_page_has_fifty_unless_asked_and_a_thousand_at_most(api: Api, app: Flask) -> None:
    with app.app_context():
        one = MessageFactory()
        values = {c.name: getattr(one, c.name) for c in Message.__table__.c if c.name != "id"}
        db.session.execute(insert(Message), [values] * 1010)
        db.session.commit()
    assert [len(ids(api.get(f"{MESSAGES}{query}").json)) for query in ("", "?limit=3", "?limit=2000")] == [
        50,
        3,
        1000,
    ]


def test_head_is_answered_as_get(api: Api, five: list[int]) -> None:
    answer = api.call("HEAD", MESSAGES)
    assert (answer.status, answer.response.data) == (200, b"")
