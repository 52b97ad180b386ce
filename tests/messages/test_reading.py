"""The list by cursor against a plain model of its rules, and single messages."""

from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert

from notifyhub.api.json import timestamp
from notifyhub.database.base import table_of
from notifyhub.extensions import db
from notifyhub.messages.models import Attempt, Batch, Channel, Message, Outcome, Status
from tests.conftest import Api, Queries
from tests.factories import AttemptFactory, MessageFactory
from tests.messages.sources import MESSAGES, store_sources

Row = dict[str, Any]

START = datetime(2025, 2, 27, tzinfo=UTC)
DAYS = [date(2025, 2, 26), date(2025, 2, 28), date(2025, 3, 1), date(2025, 3, 2), date(9999, 12, 31)]
NUMBERS = ["+989121234567", "+989121234568"]
ADDRESSES = ["ada@example.com", "Ada@example.com"]
SPELLINGS = {"09121234567": NUMBERS[0], "۰۹۱۲۱۲۳۴۵۶۸": NUMBERS[1], "+98 912 123 4567": NUMBERS[0]}
BATCHES = [1, 2]
QUICK = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

# The list relies on ids and moments of creation that rise together, give or take ten minutes.
CREATED = st.integers(-300, 300)

ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "id": st.integers(1, 40),
            "jitter": CREATED,
            "status": st.sampled_from(list(Status)),
            "channel": st.sampled_from(list(Channel)),
            "recipient": st.sampled_from(NUMBERS + ADDRESSES),
            "reference": st.sampled_from([None, "order 1", "order 2", "%"]),
            "batch_id": st.sampled_from([None, *BATCHES]),
            "notifier_id": st.integers(1, 2),
            "pattern_id": st.sampled_from([None, 1, 2]),
            "is_test": st.booleans(),
        }
    ),
    max_size=25,
    unique_by=lambda row: row["id"],
)
CHOSEN = st.lists(st.sampled_from(list(Status)), min_size=1, max_size=3).map(",".join)
FILTERS = st.fixed_dictionaries(
    {},
    optional={
        "status": CHOSEN,
        "channel": st.sampled_from(list(Channel)),
        "to": st.sampled_from([*NUMBERS, *ADDRESSES, *SPELLINGS, "nobody"]),
        "reference": st.sampled_from(["order 1", "%", "none"]),
        "batch": st.sampled_from(["1", "2", "3"]),
        "notifier": st.sampled_from(["1", "2", "3"]),
        "pattern": st.sampled_from(["1", "2", "3"]),
        "test": st.sampled_from(["true", "False", "1", "0"]),
        "id_min": st.integers(-1, 42).map(str),
        "id_max": st.integers(-1, 42).map(str),
        "created_from": st.sampled_from(DAYS).map(str),
        "created_to": st.sampled_from(DAYS).map(str),
        "unknown": st.sampled_from(["", "x y"]),
    },
).filter(lambda asked: "notifier" not in asked or "channel" in asked)

MODEL: dict[str, Callable[[Row, str], bool]] = {
    "status": lambda row, value: row["status"] in value.split(","),
    "channel": lambda row, value: row["channel"] == value,
    "to": lambda row, value: row["recipient"] == SPELLINGS.get(value, value),
    "reference": lambda row, value: row["reference"] == value,
    "batch": lambda row, value: row["batch_id"] == int(value),
    "notifier": lambda row, value: row["notifier_id"] == int(value),
    "pattern": lambda row, value: row["pattern_id"] == int(value),
    "test": lambda row, value: row["is_test"] == (value.lower() in {"true", "1"}),
    "id_min": lambda row, value: row["id"] >= int(value),
    "id_max": lambda row, value: row["id"] <= int(value),
    "created_from": lambda row, value: str(row["created_at"].date()) >= value,
    "created_to": lambda row, value: str(row["created_at"].date()) <= value,
}


def expected(rows: list[Row], asked: dict[str, str]) -> list[int]:
    found = [row for row in rows if all(MODEL[name](row, asked[name]) for name in MODEL.keys() & asked)]
    return sorted((row["id"] for row in found), reverse=True)


def fill(app: Flask, rows: list[Row]) -> None:
    """Put the rows in place of all that there are."""
    values = {"notifier_name": "n", "home_notifier_id": 1, "client_metadata": {}, "text": "Hello"}
    values |= {"updated_at": START, "expires_at": START, "is_test": False, "next_attempt_at": START}
    for row in rows:
        row["created_at"] = START + timedelta(hours=2 * row["id"], seconds=row.pop("jitter", 0))
    with app.app_context(), db.engine.begin() as connection:
        for model in (Message, Batch):
            connection.execute(delete(table_of(model)))
        batches = [{"id": id_, "count": 0, "created_at": START} for id_ in BATCHES]
        connection.execute(insert(table_of(Batch)), batches)
        if rows:
            connection.execute(insert(table_of(Message)), [values | row for row in rows])


def ids(page: Row) -> list[int]:
    return [message["id"] for message in page["results"]]


def get(api: Api, url: str) -> Row:
    answer = api.get(url)
    assert answer.status == 200, answer.json
    assert list(answer.json) == ["next", "previous", "results"]
    page: Row = answer.json
    return page


def check_link(link: str, asked: dict[str, str]) -> None:
    """Check that a link is absolute and keeps all parameters beside the cursor."""
    scheme, host, path, query, _ = urlsplit(link)
    assert (scheme, host, path) == ("http", "localhost", MESSAGES)
    kept = parse_qs(query, keep_blank_values=True)
    assert len(kept.pop("cursor")) == 1
    assert kept == {name: [value] for name, value in asked.items()}


@QUICK
@given(rows=ROWS, asked=FILTERS, limit=st.integers(1, 7))
def test_the_way_there_and_back_is_that_of_the_model(
    api: Api, app: Flask, rows: list[Row], asked: dict[str, str], limit: int
) -> None:
    rows = [dict(row) for row in rows]
    fill(app, rows)
    wanted = expected(rows, asked)
    cut = [wanted[start : start + limit] for start in range(0, len(wanted), limit)] or [[]]
    asked = asked | {"limit": str(limit)}

    pages = [get(api, f"{MESSAGES}?{urlencode(asked)}")]
    assert pages[0]["previous"] is None
    while pages[-1]["next"]:
        check_link(pages[-1]["next"], asked)
        pages.append(get(api, pages[-1]["next"]))
    assert [ids(page) for page in pages] == cut

    there = pages[-1]
    for n in range(len(pages) - 2, -1, -1):
        check_link(there["previous"], asked)
        there = get(api, there["previous"])
        assert ids(there) == cut[n]
        assert ids(get(api, there["next"])) == cut[n + 1]
    assert there["previous"] is None


def test_pages_stay_where_they_are_while_messages_come_and_go(api: Api, app: Flask) -> None:
    fill(
        app,
        [
            {"id": n, "channel": "sms", "status": "sent", "recipient": "x", "notifier_id": 1}
            for n in range(1, 11)
        ],
    )
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


def test_a_page_beyond_either_end_is_empty_and_leads_back(api: Api, app: Flask) -> None:
    fill(
        app,
        [{"id": n, "channel": "sms", "status": "sent", "recipient": "x", "notifier_id": 1} for n in (5, 6)],
    )
    for cursor, back in (("p=5", "previous"), ("r=1&p=6", "next")):
        page = get(api, f"{MESSAGES}?cursor={b64encode(cursor.encode()).decode()}")
        other = "next" if back == "previous" else "previous"
        assert (ids(page), page[other]) == ([], None)
        assert ids(get(api, page[back])) == [6, 5]


@pytest.mark.parametrize(
    "cursor",
    [
        *("x", "%25", "====", "cD0x", "cD", "é", "p=1", "%00", "LTE="),
        *(b64encode(text).decode() for text in (b"p=-1", b"p=x", b"o=1&p=1", b"p=1&r=1", b"p=1.5", b"p=")),
        b64encode(b"p=" + b"9" * 30).decode(),
        b64encode("p=۱".encode()).decode(),
        b64encode(b"\xff\xfe").decode(),
    ],
)
def test_a_bad_cursor_is_404(api: Api, cursor: str) -> None:
    answer = api.get(f"{MESSAGES}?cursor={cursor}")
    if cursor == "cD0x":  # one that the list itself could have given
        assert answer.status == 200
    else:
        assert (answer.status, answer.json) == (404, {"detail": "Invalid cursor"})


def test_links_keep_parameters_given_twice_and_of_any_script(api: Api, app: Flask) -> None:
    with app.app_context():
        MessageFactory.create_batch(2, reference="سفارش & ۱")
    query = [("reference", "x"), ("reference", "سفارش & ۱"), ("limit", "1"), ("other", "")]
    page = get(api, f"{MESSAGES}?{urlencode(query)}")
    assert len(ids(page)) == 1
    kept = parse_qs(urlsplit(page["next"]).query, keep_blank_values=True)
    kept.pop("cursor")
    assert kept == {"reference": ["x", "سفارش & ۱"], "limit": ["1"], "other": [""]}
    assert len(ids(get(api, page["next"]))) == 1


INTEGER = ["A valid integer is required."]
DATE = ["Enter a valid date."]
LEAST = ["Ensure this value is greater than or equal to 1."]


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        *(("limit", value, INTEGER) for value in ("x", "1.5", "۵", "1e3", " 5")),
        *(("limit", value, LEAST) for value in ("0", "-1", f"-{'9' * 30}")),
        *((name, "x", INTEGER) for name in ("batch", "pattern", "id_min", "id_max")),
        *((name, "2025-02-30", DATE) for name in ("created_from", "created_to")),
        ("created_from", "20250101", DATE),
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
def test_a_wrong_parameter_is_refused(api: Api, name: str, value: str, words: list[str]) -> None:
    answer = api.get(f"{MESSAGES}?{urlencode({name: value})}")
    assert (answer.status, answer.json) == (400, {name: words})


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
        ("ordering=id&search=x&offset=7", 50),
    ],
)
def test_extreme_parameters_are_taken(api: Api, app: Flask, query: str, count: int) -> None:
    rows = [
        {"id": n, "channel": "sms", "status": "sent", "recipient": NUMBERS[0], "notifier_id": 1}
        for n in range(60)
    ]
    fill(app, [row | {"id": row["id"] + 1} for row in rows])
    assert len(ids(get(api, f"{MESSAGES}?{query}"))) == count


def test_a_page_holds_1000_at_most(api: Api, app: Flask) -> None:
    row = {"channel": "sms", "status": "sent", "recipient": "x", "notifier_id": 1}
    fill(app, [row | {"id": n} for n in range(1, 1003)])
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


def test_a_message_is_read_with_its_attempts_in_order(api: Api, app: Flask) -> None:
    moment = datetime(2025, 3, 1, 12, tzinfo=UTC)
    tried = [
        {"notifier_id": 3, "outcome": Outcome.TEMPORARY, "error_code": "busy", "error_detail": "try later"},
        {"notifier_id": 4, "outcome": Outcome.UNCERTAIN, "error_code": "timeout", "duration_ms": 10_000},
        {"notifier_id": 3, "outcome": Outcome.ACCEPTED, "round": 2},
        {"notifier_id": 3, "outcome": None, "duration_ms": None, "round": 3},
    ]
    with app.app_context():
        made = MessageFactory(
            status=Status.SENT,
            sent_at=moment,
            delivered_at=moment,
            provider_message_id="0037",
            error_code="x",
        ).id
        AttemptFactory(message_id=MessageFactory().id)
        for attempt in tried:
            AttemptFactory(message_id=made, started_at=moment, **attempt)
    message = api.get(f"{MESSAGES}/{made}").json
    assert message["provider_message_id"] == "0037"
    assert message["error"] == {"code": "x", "detail": ""}
    assert (message["sent_at"], message["delivered_at"]) == (timestamp(moment), timestamp(moment))
    attempts = message["attempts"]
    assert all(
        list(attempt) == ["notifier_data", "started_at", "duration_ms", "outcome", "error"]
        for attempt in attempts
    )
    assert attempts[0] == {
        "notifier_data": {"id": 3, "name": "notifier-3"},
        "started_at": timestamp(moment),
        "duration_ms": 84,
        "outcome": "temporary",
        "error": {"code": "busy", "detail": "try later"},
    }
    assert [attempt["outcome"] for attempt in attempts] == ["temporary", "uncertain", "accepted", None]
    assert [attempt["duration_ms"] for attempt in attempts] == [84, 10_000, 84, None]


@pytest.mark.parametrize("id", ["0", "99999", str(2**63), "9" * 50])
def test_a_message_that_is_not_there_is_404(api: Api, id: str) -> None:
    answer = api.get(f"{MESSAGES}/{id}")
    assert (answer.status, answer.json) == (404, {"detail": "Not found."})


def test_messages_stay_readable_without_their_notifier_and_pattern(api: Api, app: Flask) -> None:
    sources = store_sources(app)
    to = "09121234567"
    by_pattern = {"channel": "sms", "to": to, "pattern": sources.positional, "args": ["1"]}
    email = {"channel": "email", "to": "ada@example.com", "subject": "s", "text": "x"}
    made = [
        api.post(MESSAGES, body).json
        for body in (by_pattern, {"channel": "sms", "to": to, "text": "x", "reference": "r"}, email)
    ]
    api.patch(
        "/api/settings/notifications",
        {"notifications_sms_notifier": None, "notifications_email_notifier": None},
    )
    url = "/api/notifications/notifiers"
    assert api.delete(f"{url}/sms/{sources.sms}").status == 204
    assert api.delete(f"{url}/email/{sources.email}").status == 204
    for message in made:
        assert api.get(f"{MESSAGES}/{message['id']}").json == message | {"attempts": []}
    assert get(api, MESSAGES)["results"] == made[::-1]
    assert ids(get(api, f"{MESSAGES}?pattern={sources.positional}")) == [made[0]["id"]]
    assert len(ids(get(api, f"{MESSAGES}?channel=sms&notifier={sources.sms}"))) == 2


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
    api.get(MESSAGES)  # the token's use is noted once a minute
    for more in (1, 30):
        with app.app_context():
            MessageFactory.create_batch(more, status=Status.SENT)
        with queries as statements:
            assert api.get(f"{MESSAGES}?{query}").status == 200
        assert len(statements) == most, statements


def test_a_message_is_read_in_two_statements_beside_the_tokens(
    api: Api, app: Flask, queries: Queries
) -> None:
    with app.app_context():
        made = MessageFactory().id
        AttemptFactory.create_batch(20, message_id=made)
        assert db.session.query(Attempt).count() == 20
    api.get(MESSAGES)
    with queries as statements:
        assert len(api.get(f"{MESSAGES}/{made}").json["attempts"]) == 20
    assert len(statements) == 3


def test_head_answers_as_get_without_a_body(api: Api, app: Flask) -> None:
    with app.app_context():
        made = MessageFactory().id
    for url in (MESSAGES, f"{MESSAGES}/{made}"):
        got, head = api.get(url), api.call("HEAD", url)
        assert (head.status, head.response.data) == (200, b"")
        assert head.headers["Content-Length"] == got.headers["Content-Length"]


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
