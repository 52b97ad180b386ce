"""The list of messages against a plain model of it, and its parameters one by one."""

import time
from base64 import b64encode
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
from notifyhub.messages.models import Batch, Channel, Message, MessageStatus
from tests.messages.accounts import MESSAGES
from tests.support.clients import Api
from tests.support.factories import AttemptFactory, MessageFactory
from tests.support.queries import Queries

DAY = datetime(2025, 3, 1, tzinfo=UTC)
RECIPIENTS = {"sms": ["+989121234567", "+989121234568"], "email": ["a@example.com", "A@example.com"]}
SPELLINGS = {"0912 123 4567": "+989121234567", "۰۹۱۲۱۲۳۴۵۶۸": "+989121234568"}

INTEGER = ["A valid integer is required."]
DATE = ["Enter a valid date, or a moment with its zone."]
LEAST = ["Ensure this value is greater than or equal to 1."]

KINDS = st.fixed_dictionaries(
    {
        "channel": st.sampled_from(list(Channel)),
        "status": st.sampled_from(
            [MessageStatus.QUEUED, MessageStatus.DELIVERED, MessageStatus.DELIVERED, MessageStatus.FAILED]
        ),
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
        st.lists(st.sampled_from(list(MessageStatus)), min_size=1, max_size=3).map(",".join),
        lambda row, value: row["status"] in value.split(","),
    ),
    "channel": (st.sampled_from(["sms", "email"]), lambda row, value: row["channel"] == value),
    "to": (
        st.sampled_from(["+989121234567", *SPELLINGS, "a@example.com", "nobody"]),
        lambda row, value: row["recipient"] == SPELLINGS.get(value, value),
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
        st.sampled_from(["2025-03-01", "2025-03-02", "2025-03-03", "9999-12-31"]),
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


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
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
    asked = {**filters, "limit": str(limit)}
    pages = list(walk(api, f"{MESSAGES}?{urlencode(asked)}", "next", rows, coming))
    assert [id_ for page in pages for id_ in ids(page)] == expected
    assert all(len(ids(page)) == limit for page in pages[:-1])
    assert pages[0]["previous"] is None
    for link in filter(None, (page[name] for page in pages for name in ("next", "previous"))):
        check_link(link, asked)
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
        page = get(api, url)
        yield page
        rows.add(next(coming, []))
        url = page[direction]


def get(api: Api, url: str) -> dict[str, Any]:
    answer = api.get(url)
    assert answer.status == 200, answer.json
    assert list(answer.json) == ["next", "previous", "results"]
    page: dict[str, Any] = answer.json
    return page


def check_link(link: str, asked: dict[str, str]) -> None:
    """Check that a link is absolute and keeps all parameters beside the cursor."""
    scheme, host, path, query, _ = urlsplit(link)
    assert (scheme, host, path) == ("http", "localhost", MESSAGES)
    kept = parse_qs(query, keep_blank_values=True)
    assert len(kept.pop("cursor")) == 1
    assert kept == {name: [value] for name, value in asked.items()}


def ids(page: dict[str, Any]) -> list[int]:
    return [message["id"] for message in page["results"]]


def fill(app: Flask, count: int) -> None:
    """Store messages with the ids from 1."""
    row = {"channel": "sms", "status": "sent", "recipient": "+989121234567", "expires_at": DAY}
    row |= {"notifier_id": 1, "notifier_name": "n", "home_notifier_id": 1}
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(insert(Message), [row | {"id": n} for n in range(1, count + 1)])


@pytest.fixture
def five(app: Flask) -> list[int]:
    with app.app_context():
        return [message.id for message in MessageFactory.create_batch(5)]


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


def test_pages_stay_where_they_are_while_messages_come_and_go(api: Api, app: Flask) -> None:
    fill(app, 10)
    first = get(api, f"{MESSAGES}?limit=3")
    with app.app_context():
        for newer in (11, 12):
            MessageFactory(id=newer)
        db.session.delete(db.session.get_one(Message, 8))  # the last one of the page
        db.session.delete(db.session.get_one(Message, 6))
        db.session.commit()
    second = get(api, first["next"])
    assert (ids(first), ids(second)) == ([10, 9, 8], [7, 5, 4])
    before = get(api, second["previous"])
    assert ids(before) == [11, 10, 9]
    assert ids(get(api, before["previous"])) == [12]


@pytest.mark.parametrize(
    "cursor",
    [
        *("x", "%25", "====", "cD0x%0A", "cD0", "cD", "é", "سلام", "p=1", "%00", "LTE="),
        *(b64encode(text).decode() for text in (b"p=-1", b"p=x", b"o=1&p=1", b"p=1&r=1", b"p=1.5", b"p=")),
        b64encode(b"p=" + b"9" * 30).decode(),
        b64encode("p=۱".encode()).decode(),
        b64encode(b"\xff\xfe").decode(),
    ],
)
def test_a_bad_cursor_is_404(api: Api, cursor: str) -> None:
    answer = api.get(f"{MESSAGES}?cursor={cursor}")
    assert (answer.status, answer.json) == (404, {"detail": "Invalid cursor"})


def test_links_keep_parameters_given_twice_and_of_any_script(api: Api, app: Flask) -> None:
    with app.app_context():
        MessageFactory.create_batch(2, reference="سفارش & ۱")
    query = [("reference", "x"), ("reference", "سفارش & ۱"), ("limit", "1"), ("status", "")]
    page = get(api, f"{MESSAGES}?{urlencode(query)}")
    assert len(ids(page)) == 1
    kept = parse_qs(urlsplit(page["next"]).query, keep_blank_values=True)
    kept.pop("cursor")
    assert kept == {"reference": ["x", "سفارش & ۱"], "limit": ["1"], "status": [""]}
    assert len(ids(get(api, page["next"]))) == 1


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        *(("limit", value, INTEGER) for value in ("x", "1.5", "۵", "1e3", " 5")),
        *(("limit", value, LEAST) for value in ("0", "-1", f"-{'9' * 30}")),
        *((name, "x", INTEGER) for name in ("batch", "pattern", "id_min", "id_max")),
        *((name, "2025-02-30", DATE) for name in ("created_from", "created_to")),
        ("created_from", "20250101", DATE),
        *((name, "2025-03-01T10:00:00", DATE) for name in ("created_from", "created_to")),
        *((name, "x", ["Unknown field."]) for name in ("stauts", "ordering", "search", "offset")),
        ("stauts", "", ["Unknown field."]),
        ("x" * 200, "x", None),
        ("status", "lost", ['"lost" is not a valid choice.']),
        ("status", "sent,lost", ['"lost" is not a valid choice.']),
        ("status", "SENT", ['"SENT" is not a valid choice.']),
        ("status", "sent,", ['"" is not a valid choice.']),
        ("channel", "fax", ['"fax" is not a valid choice.']),
        ("test", "yes", ["Must be a valid boolean."]),
        ("notifier", "x", INTEGER),
        ("notifier", "1", ["Give a `channel` with it: each has notifiers of its own."]),
        ("to", "\0", ["Null characters are not allowed."]),
        ("reference", "a\0", ["Null characters are not allowed."]),
    ],
)
def test_a_wrong_parameter_is_refused(api: Api, name: str, value: str, words: list[str] | None) -> None:
    answer = api.get(f"{MESSAGES}?{urlencode({name: value})}")
    told = {name[:99] + "…": ["Unknown field."]} if words is None else {name: words}
    assert (answer.status, answer.json) == (400, told)


@pytest.mark.parametrize(
    ("query", "count"),
    [
        (
            "status=&channel=&to=&reference=&batch=&notifier=&pattern=&test=&id_min=&created_to=&cursor=&limit=",
            50,
        ),
        ("", 50),
        ("limit=1000", 60),
        ("limit=1001", 60),
        (f"limit={'9' * 30}", 60),
        ("limit=%2B7", 7),
        ("limit=3&limit=5", 5),
        ("limit=x&limit=5", 5),
        (f"id_max={'9' * 30}", 50),
        (f"id_min=-{'9' * 30}", 50),
        (f"id_min={2**63 - 1}", 0),
        (f"id_max=-{2**63}", 0),
        ("id_min=9&id_max=8", 0),
        ("created_from=2025-03-02&created_to=2025-03-01", 0),
        ("created_from=0001-01-01&created_to=9999-12-31", 50),
        (f"batch={2**63 - 1}", 0),
        ("pattern=-1", 0),
        ("channel=sms&notifier=1", 50),
        ("channel=email&notifier=1", 0),
        ("to=+989121234567", 50),
        (f"to={'x' * 3000}", 0),
        ("reference=%27%22%25_", 0),
        ("status=sent,queued,sent", 50),
        ("status=sent, queued", 50),
    ],
)
def test_extreme_parameters_are_taken(api: Api, app: Flask, query: str, count: int) -> None:
    fill(app, 60)
    assert len(ids(get(api, f"{MESSAGES}?{query}"))) == count


@pytest.mark.parametrize("length", [0, 1, 500, 501, 100_000])
@pytest.mark.parametrize("letter", ["x", "س", "😀"])
def test_lists_cut_long_texts_and_reading_one_does_not(
    api: Api, app: Flask, length: int, letter: str
) -> None:
    with app.app_context():
        id_ = MessageFactory(text=letter * length).id
    (listed,) = get(api, MESSAGES)["results"]
    shown = api.get(f"{MESSAGES}/{id_}").json
    assert shown["text"] == letter * length
    assert listed["text"] == (letter * length if length <= 500 else letter * 499 + "…")
    del shown["attempts"]
    assert listed == shown | {"text": listed["text"]}


def test_the_database_gives_a_list_no_more_of_a_text_than_is_shown(
    api: Api, app: Flask, queries: Queries
) -> None:
    with queries as sent:
        api.get(MESSAGES)
    (statement,) = [statement for statement in sent if "FROM messages" in statement]
    assert "substr(messages.text" in statement


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("created_from=2025-03-01T12:00:00Z", 2),
        ("created_from=2025-03-01T12:00:00.000001Z", 1),
        ("created_from=2025-03-01T15:30:00%2B03:30", 2),
        ("created_from=2025-03-01T15:30:00+03:30", 2),
        ("created_from=2025-03-01T15:30:00+0330", 2),
        ("created_from=2025-03-01%2015:30:00%20+0330", 2),
        ("created_from=2025-03-01%2015:30:00,5+03", 1),
        ("created_to=2025-03-01T12:00:00Z", 2),
        ("created_to=2025-03-01T11:59:59,999999999Z", 1),
        ("created_from=2025-03-01T00:00:00Z&created_to=2025-03-01", 2),
    ],
)
def test_ranges_are_of_days_and_moments(api: Api, app: Flask, query: str, count: int) -> None:
    with app.app_context():
        for day, hour in ((1, 0), (1, 12), (2, 0)):
            MessageFactory(created_at=datetime(2025, 3, day, hour, tzinfo=UTC))
    assert len(ids(get(api, f"{MESSAGES}?{query}"))) == count


@pytest.mark.parametrize("text", ["T", ":", "T:", "0 ", " :", "T0: "])
def test_a_long_text_that_is_no_moment_is_refused_at_once(api: Api, text: str) -> None:
    began = time.process_time()
    assert api.get(f"{MESSAGES}?created_from={2000 * text}00").status == 400
    assert time.process_time() - began < 1


def test_a_page_holds_1000_at_most(api: Api, app: Flask) -> None:
    fill(app, 1002)
    page = get(api, f"{MESSAGES}?limit=5000")
    assert (len(ids(page)), ids(get(api, page["next"]))) == (1000, [2, 1])


def test_the_list_shows_what_each_message_shows_but_its_attempts(api: Api, app: Flask) -> None:
    with app.app_context():
        for made in MessageFactory.create_batch(3, error_code="x", error_detail=None, args=["1"]):
            AttemptFactory(message_id=made.id)
    for shown in get(api, MESSAGES)["results"]:
        alone = api.get(f"{MESSAGES}/{shown['id']}").json
        assert len(alone.pop("attempts")) == 1
        assert list(alone) == list(shown)
        assert alone == shown


@pytest.mark.parametrize(
    ("query", "most"),
    [
        ("", 2),
        ("limit=1000", 2),
        ("status=sent,failed&channel=sms", 2),
        ("to=09121234567&limit=7", 2),
        ("created_from=2025-01-01&created_to=2099-01-01", 4),
    ],
)
def test_a_page_takes_the_same_few_statements_whatever_its_size(
    api: Api, app: Flask, queries: Queries, query: str, most: int
) -> None:
    api.get(MESSAGES)  # which notes the token's use
    for more in (1, 30):
        with app.app_context():
            MessageFactory.create_batch(more, status=MessageStatus.SENT)
        with queries as statements:
            assert api.get(f"{MESSAGES}?{query}").status == 200
        assert len(statements) == most, statements


@pytest.mark.parametrize("days", [1, 400])
@pytest.mark.parametrize(
    "minutes",
    [[1, 0], [9, 4, 0], [-1, 3, -5, 1, -9, 0], [4, -5], [-9, 0, -3, 6, -1], [0, -9], [-1, -9], [9, 0, -1]],
    ids=str,
)
def test_no_row_is_lost_whose_moment_is_out_of_the_order_of_ids(
    api: Api, app: Flask, minutes: list[int], days: int
) -> None:
    """Around a midnight the clocks of several processes differ; before and after it, rows are far away."""
    midnight = datetime(2025, 3, 2, tzinfo=UTC)
    near = [timedelta(minutes=m) for m in minutes]
    offsets = [-timedelta(days=days), *near, timedelta(days=days)]
    with app.app_context():
        made = {MessageFactory(created_at=midnight + by).id: by for by in offsets}
    for query, wanted in (
        ("created_from=2025-03-02", [id_ for id_, by in made.items() if by >= timedelta()]),
        ("created_to=2025-03-01", [id_ for id_, by in made.items() if by < timedelta()]),
    ):
        assert ids(get(api, f"{MESSAGES}?{query}")) == wanted[::-1]
