"""Lists against the model of their rules, and at the edges of what they take."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from itertools import product
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit
from urllib.request import Request, urlopen

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from notifyhub.api.http.json import timestamp
from notifyhub.extensions import db
from notifyhub.providers.registry import BUILT_IN
from tests.api.pagination import listing_model
from tests.api.pagination.listing_model import Pairs
from tests.api.resources import (
    COLLECTIONS,
    EMAIL_NOTIFIERS,
    EMAIL_PATTERNS,
    SMS_NOTIFIERS,
    SMS_PATTERNS,
    Collection,
    Row,
)
from tests.support.clients import Api
from tests.support.environment import on_sqlite
from tests.support.processes import Server

QUICK = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
THOROUGH = settings(QUICK, max_examples=300)

every_collection = pytest.mark.parametrize("collection", COLLECTIONS, ids=str)

# Letters beyond ASCII have no case here: only that of ASCII letters is promised not to matter.
ALPHABET = "aAbBzZ019آبپی‌۱%_\\/'\". -\t\n😀"
WORDS = st.text([letter for letter in ALPHABET if not letter.isspace()], min_size=1, max_size=2)
TEXTS = st.sampled_from(["", "otp", "OTP", "a%b", "a_b", "کد ورود"]) | st.text(ALPHABET, max_size=8)
DAYS = st.sampled_from([date(2025, 2, 28), date(2025, 3, 1), date(2025, 3, 2)])
TIMES = st.sampled_from([time.min, time(12, 30), time.max])
MOMENTS = st.builds(lambda day, at: timestamp(datetime.combine(day, at, UTC)), DAYS, TIMES)

FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "created_at": MOMENTS,
    "updated_at": MOMENTS,
    "backend": st.sampled_from(list(BUILT_IN)),
    "settings": st.sampled_from([{}, {"token": "a-token"}]),
    "status": st.sampled_from(["created", "pending", "approved", "rejected"]),
    "port": st.none() | st.sampled_from([1, 25, 587, 65_535]),
    "use_tls": st.booleans(),
    "use_ssl": st.booleans(),
    "fail_silently": st.booleans(),
}
SHOWN = {
    SMS_NOTIFIERS: ("name", "backend", "settings"),
    SMS_PATTERNS: ("status", "name", "code", "description", "body"),
    EMAIL_NOTIFIERS: (
        *("name", "host", "port", "username", "password", "from_email"),
        *("use_tls", "use_ssl", "fail_silently"),
    ),
    EMAIL_PATTERNS: ("name", "description", "from_email", "subject", "body_text", "body_html"),
}


def field_of(collection: Collection, name: str) -> st.SearchStrategy[Any]:
    nullable = collection.table.c[name].nullable
    return FIELDS.get(name, st.none() | TEXTS if nullable else TEXTS)


def rows_of(collection: Collection, least: int = 0, most: int = 12) -> st.SearchStrategy[list[Row]]:
    names = ("id", *SHOWN[collection], "created_at", "updated_at")
    row = st.fixed_dictionaries({name: field_of(collection, name) for name in names if name != "id"})
    # Names are unique within a notifier, where the rows are patterns.
    key = (lambda row: row["name"]) if collection.parent else repr
    unique = None if key is repr else key
    ids = st.lists(st.integers(1, 200), min_size=most, max_size=most, unique=True)
    rows = st.lists(row, min_size=least, max_size=most, unique_by=unique)
    return st.builds(
        lambda rows, ids: [{"id": id_} | row for id_, row in zip(ids, rows, strict=False)], rows, ids
    )


def parameters_of(collection: Collection, *without: str) -> st.SearchStrategy[Pairs]:
    """Give queries of up to six parameters, some of them empty, unknown, or given twice."""
    day = DAYS.map(str)
    field = st.sampled_from(collection.ordering)
    part = st.builds(lambda sign, name: sign + name, st.sampled_from(["", "-"]), field)
    values = {
        "limit": st.integers(1, 15).map(str) | st.just("+3"),
        "offset": st.integers(0, 15).map(str),
        "search": st.lists(WORDS, max_size=3).map(" ".join),
        "ordering": st.lists(part, min_size=1, max_size=4).map(",".join),
        "id_min": st.integers(-5, 205).map(str),
        "id_max": st.integers(-5, 205).map(str),
        **dict.fromkeys([name for name in listing_model.STAMPED if not name.startswith("id_")], day),
        "backend": FIELDS["backend"],
        "status": FIELDS["status"],
        **dict.fromkeys(
            [name for name in collection.filters if name.startswith(("has_", "use_"))],
            st.sampled_from(["true", "false", "1", "0", "True", "FALSE"]),
        ),
        "from_email": TEXTS,
        "unknown": TEXTS,
    }
    common = {"limit", "offset", "search", "ordering", "unknown"}
    names = sorted((common | listing_model.STAMPED.keys() | collection.filters.keys()) - set(without))
    meant = st.lists(
        st.sampled_from(names).flatmap(
            lambda name: st.tuples(st.just(name), values[name] | values[name] | st.just(""))
        ),
        max_size=6,
        unique_by=lambda pair: pair[0],
    )
    overridden = st.lists(st.tuples(st.sampled_from(names), st.sampled_from(["x", "-1", ""])), max_size=2)

    def without_effect(first: Pairs, then: Pairs) -> Pairs:
        known = {name for name, _ in then}
        return [pair for pair in first if pair[0] in known] + then

    return st.builds(without_effect, overridden, meant)


def refill(app: Flask, collection: Collection, rows: list[Row]) -> str:
    """Put the rows in place of all that there are, and return their URL."""
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(collection.table.delete())
    url, scope = collection.place(app)
    collection.fill(app, rows, scope)
    return url


def link_of(link: str | None) -> tuple[str, dict[str, list[str]]] | None:
    if link is None:
        return None
    scheme, host, path, query, _ = urlsplit(link)
    return f"{scheme}://{host}{path}", parse_qs(query, keep_blank_values=True)


def check_page(api: Api, collection: Collection, url: str, rows: list[Row], asked: Pairs) -> None:
    answer = api.get(f"{url}?{urlencode(asked)}")
    assert answer.status == 200, answer.json
    expected = listing_model.page(collection, rows, asked)
    assert answer.json["results"] == expected.results
    assert answer.json["count"] == expected.count
    base = f"http://localhost{url}"
    assert link_of(answer.json["next"]) == (expected.next and (base, expected.next))
    assert link_of(answer.json["previous"]) == (expected.previous and (base, expected.previous))


@every_collection
@QUICK
@given(data=st.data())
def test_a_list_answers_as_the_model_does(
    api: Api, app: Flask, collection: Collection, data: st.DataObject
) -> None:
    rows = data.draw(rows_of(collection))
    url = refill(app, collection, rows)
    for asked in data.draw(st.lists(parameters_of(collection), min_size=1, max_size=6)):
        check_page(api, collection, url, rows, asked)


@pytest.mark.slow
@pytest.mark.timeout(900)
@every_collection
@THOROUGH
@given(data=st.data())
def test_a_list_answers_as_the_model_does_at_length(
    api: Api, app: Flask, collection: Collection, data: st.DataObject
) -> None:
    rows = data.draw(rows_of(collection, most=30))
    url = refill(app, collection, rows)
    for asked in data.draw(st.lists(parameters_of(collection), min_size=1, max_size=12)):
        check_page(api, collection, url, rows, asked)


@every_collection
@settings(QUICK, max_examples=3)
@given(data=st.data())
def test_every_order_and_every_two_of_them_are_those_of_the_model(
    api: Api, app: Flask, collection: Collection, data: st.DataObject
) -> None:
    rows = data.draw(rows_of(collection, least=12))
    url = refill(app, collection, rows)
    orders = [sign + name for name in collection.ordering for sign in ("", "-")]
    for ordering in (*orders, *map(",".join, data.draw(st.permutations([*product(orders, orders)]))[:40])):
        check_page(api, collection, url, rows, [("ordering", ordering)])


@every_collection
@settings(QUICK, max_examples=15)
@given(data=st.data())
def test_pages_hold_every_row_exactly_once_on_the_way_there_and_back(
    api: Api, app: Flask, collection: Collection, data: st.DataObject
) -> None:
    rows = data.draw(rows_of(collection))
    asked = data.draw(parameters_of(collection, "limit", "offset"))
    limit = data.draw(st.integers(1, 5))
    url = refill(app, collection, rows)

    pages, link = [], f"{url}?{urlencode([*asked, ('limit', limit)])}"
    while link:
        last, page = link, api.get(link).json
        pages.append([row["id"] for row in page["results"]])
        link = page["next"]
    expected = listing_model.page(collection, rows, [*asked, ("limit", "1000")])
    assert [id_ for page in pages for id_ in page] == [row["id"] for row in expected.results]

    back, link = [], last
    while link:
        page = api.get(link).json
        back.append([row["id"] for row in page["results"]])
        link = page["previous"]
    assert back == pages[::-1]


BAD_INTEGER = "A valid integer is required."
BAD_DATE = "Enter a valid date."
BAD_BOOLEAN = "Must be a valid boolean."
NOT_INTEGERS = (
    " 5",
    "5 ",
    "1_000",
    "۵",
    "٥",
    "1.5",
    "1.0",
    "0x1",
    "1e3",
    "--1",
    "+-1",
    "+",
    "-",
    "½",
    "\0",
    "1\n",
    "x",
)
NOT_DATES = (
    *(
        "2025-02-30",
        "20250101",
        "2025-1-1",
        "0000-01-01",
        "10000-01-01",
        "2025-13-01",
        "2025-W01-1",
        "۲۰۲۵-۰۱-۰۱",
    ),
    *("2025-01-01T00:00:00Z", " 2025-01-01", "2025-01-01\n", "-2025-01-01", "2025/01/01", "today", "0"),
)
NOT_BOOLEANS = ("yes", "no", "on", "t", "2", "-1", "01", "null", " true", "۱", "true,false")
NOT_CHOICES = ("APPROVED", "approved,created", " approved", "x", "\0", "null")
DATES = [f"{moment}_{bound}" for moment in ("created", "updated") for bound in ("date", "from", "to")]


AT_LEAST_1 = "Ensure this value is greater than or equal to 1."
NOT_ORDERINGS = {
    "--id": "--id",
    "name,,id": "",
    ",": "",
    "id,": "",
    "-": "-",
    "+id": "+id",
    "- id": "- id",
    "ID": "ID",
    "body": "body",
    "notifier_id": "notifier_id",
    "id,x": "x",
    "id;name": "id;name",
    "name desc": "name desc",
    "id\0": "id\0",
}
REFUSED: dict[str, dict[str, str]] = {
    **{name: dict.fromkeys(NOT_INTEGERS, BAD_INTEGER) for name in ("id_min", "id_max")},
    "limit": dict.fromkeys(NOT_INTEGERS, BAD_INTEGER)
    | dict.fromkeys(("0", "-0", "-1", "-" + "9" * 400), AT_LEAST_1),
    "offset": dict.fromkeys(NOT_INTEGERS, BAD_INTEGER)
    | dict.fromkeys(("-1", "-" + "9" * 400), AT_LEAST_1.replace("1", "0")),
    **{name: dict.fromkeys(NOT_DATES, BAD_DATE) for name in DATES},
    "has_description": dict.fromkeys(NOT_BOOLEANS, BAD_BOOLEAN),
    "status": {value: f'"{value}" is not a valid choice.' for value in NOT_CHOICES},
    "ordering": {value: f'"{part}" is not a valid choice.' for value, part in NOT_ORDERINGS.items()},
    "search": {
        "a\0b": "Null characters are not allowed.",
        " ".join(map(str, range(101))): "Ensure this value has no more than 100 words.",
    },
}


@pytest.mark.parametrize("name", REFUSED)
def test_an_invalid_value_is_refused_by_its_parameters_name(api: Api, app: Flask, name: str) -> None:
    url, _ = SMS_PATTERNS.place(app)
    for value, words in REFUSED[name].items():
        answer = api.get(f"{url}?{urlencode({name: value})}")
        assert (value, answer.status, answer.json) == (value, 400, {name: [words]})


def test_all_invalid_parameters_are_named_at_once(api: Api, app: Flask) -> None:
    url, _ = SMS_PATTERNS.place(app)
    answer = api.get(f"{url}?limit=x&offset=-1&created_to=x&status=x&unknown=x")
    assert answer.status == 400
    assert set(answer.json) == {"limit", "offset", "created_to", "status"}


@pytest.mark.parametrize(
    ("query", "count", "shown"),
    [
        (f"limit={10**30}", 3, 3),
        (f"limit=%2B{10**400}", 3, 3),
        ("limit=%2B2", 3, 2),
        ("limit=0002", 3, 2),
        (f"offset={10**400}", 3, 0),
        ("offset=3", 3, 0),
        ("offset=-0", 3, 3),
        (f"id_min={-(10**30)}", 3, 3),
        (f"id_min={10**30}", 0, 0),
        (f"id_max={10**30}", 3, 3),
        (f"id_max={-(10**400)}", 0, 0),
        ("id_min=2&id_max=1", 0, 0),
        ("created_from=0001-01-01&created_to=9999-12-31", 3, 3),
        ("updated_from=0001-01-01&updated_to=9999-12-31", 3, 3),
        ("created_from=9999-12-31", 0, 0),
        ("created_to=0001-01-01", 0, 0),
        ("created_date=0001-01-01", 0, 0),
        ("created_date=9999-12-31", 0, 0),
        ("created_from=2025-03-02&created_to=2025-03-01", 0, 0),
        ("limit=&offset=&search=&ordering=&id_min=&created_date=&backend=&status=&use_tls=", 3, 3),
        ("search=%20%09", 3, 3),
        (f"search={quote(' '.join(['b'] * 700))}", 3, 3),
        (f"search={quote(' '.join(f'{n:x}' for n in range(100)))}", 0, 0),
        ("search=%FF%ED%A0%80", 0, 0),
        ("limit=x&limit=2", 3, 2),
        ("limit=2&limit=", 3, 3),
        ("ordering=x&ordering=%20-id%20,%20name", 3, 3),
        ("unknown=1&Limit=1&limit%5B%5D=1&notifier_id=0&__proto__=1", 3, 3),
        ("&&=&=1&limit", 3, 3),
    ],
)
def test_extreme_values_are_taken(api: Api, app: Flask, query: str, count: int, shown: int) -> None:
    with app.app_context():
        EMAIL_NOTIFIERS.factory.create_batch(3, name="b")
    answer = api.get(f"{EMAIL_NOTIFIERS.url}?{query}")
    assert answer.status == 200, answer.json
    assert (answer.json["count"], len(answer.json["results"])) == (count, shown)


def test_a_page_holds_50_rows_at_most_1000_and_links_to_what_it_counted_as(api: Api, app: Flask) -> None:
    moment = "2025-03-01T00:00:00.000000Z"
    rows = [
        {
            "id": id_,
            "name": "n",
            "backend": "ippanel",
            "settings": {},
            "created_at": moment,
            "updated_at": moment,
        }
        for id_ in range(1, 1003)
    ]
    SMS_NOTIFIERS.fill(app, rows, {})
    first = api.get(SMS_NOTIFIERS.url).json
    assert [row["id"] for row in first["results"]] == list(range(1002, 952, -1))
    assert first["next"].endswith("?limit=50&offset=50")
    full = api.get(f"{SMS_NOTIFIERS.url}?limit={10**30}").json
    assert (full["count"], len(full["results"])) == (1002, 1000)
    rest = api.get(full["next"]).json
    assert full["next"].endswith("?limit=1000&offset=1000")
    assert [row["id"] for row in rest["results"]] == [2, 1]
    assert rest["next"] is None
    assert rest["previous"].endswith("?limit=1000")


def test_the_greatest_page_is_what_the_operator_set(
    app: Flask, other_app: Callable[..., Flask], api: Api
) -> None:
    with app.app_context():
        SMS_NOTIFIERS.factory.create_batch(3)
    other = Api(other_app(NOTIFYHUB_MAX_LIMIT="2").test_client(), api.token)
    assert len(other.get(f"{SMS_NOTIFIERS.url}?limit=3").json["results"]) == 2
    assert len(other.get(SMS_NOTIFIERS.url).json["results"]) == 2


@every_collection
def test_a_list_shows_what_the_object_itself_shows(api: Api, app: Flask, collection: Collection) -> None:
    url, _ = collection.place(app)
    made = api.post(url, collection.body).json
    assert api.get(url).json == {"count": 1, "next": None, "previous": None, "results": [made]}
    assert api.get(f"{url}/{made['id']}").json == made


@every_collection
def test_head_answers_as_get_without_a_body(api: Api, app: Flask, collection: Collection) -> None:
    url, scope = collection.place(app)
    with app.app_context():
        id_ = collection.factory(**scope).id
    for path in (url, f"{url}?limit=1", f"{url}/{id_}", f"{url}?limit=x", f"{url}/{id_ + 1}"):
        head, get = api.call("HEAD", path), api.get(path)
        assert head.status == get.status
        assert head.response.data == b""
        assert head.headers["Content-Length"] == get.headers["Content-Length"]
        assert head.headers["Content-Type"] == get.headers["Content-Type"]


@pytest.mark.parametrize("collection", [SMS_PATTERNS, EMAIL_PATTERNS], ids=str)
def test_patterns_are_listed_under_their_own_notifier_alone(
    api: Api, app: Flask, collection: Collection
) -> None:
    (one, scope), (other, _) = collection.place(app), collection.place(app)
    with app.app_context():
        collection.factory.create_batch(2, **scope)
    assert api.get(one).json["count"] == 2
    assert api.get(other).json["count"] == 0
    gone = collection.url.format(notifier_id=10**6)
    assert api.get(f"{gone}?limit=x").status == 404


FORWARDED = {
    "X-Forwarded-For": "192.0.2.1",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "api.example.com",
    "X-Forwarded-Port": "443",
    "X-Forwarded-Prefix": "/hub",
}


@pytest.mark.parametrize(
    ("hops", "hosts", "base"),
    [
        ("1", "api.example.com,notifyhub.test", "https://api.example.com"),
        ("1", "", "https://notifyhub.test:8000"),
        ("0", "", "http://notifyhub.test:8000"),
        ("0", "notifyhub.test", "http://notifyhub.test:8000"),
    ],
)
def test_links_follow_the_proxies_that_are_trusted(
    app: Flask, other_app: Callable[..., Flask], api: Api, hops: str, hosts: str, base: str
) -> None:
    """Their scheme; their host only if it is among those that are allowed; never a prefix or a port."""
    with app.app_context():
        SMS_NOTIFIERS.factory.create_batch(3)
    other = other_app(NOTIFYHUB_TRUSTED_PROXIES=hops, NOTIFYHUB_ALLOWED_HOSTS=hosts)
    behind = Api(other.test_client(), api.token, FORWARDED)
    page = behind.get(f"{SMS_NOTIFIERS.url}?limit=1&offset=1", base_url="http://notifyhub.test:8000").json
    assert page["next"] == f"{base}{SMS_NOTIFIERS.url}?limit=1&offset=2"
    assert page["previous"] == f"{base}{SMS_NOTIFIERS.url}?limit=1"


@on_sqlite
@pytest.mark.parametrize(
    ("hops", "base"), [("1", "https://api.example.com"), pytest.param("0", None, marks=pytest.mark.slow)]
)
def test_links_follow_the_proxies_that_are_trusted_under_gunicorn(
    app: Flask, api: Api, gunicorn: Callable[..., Server], hops: str, base: str | None
) -> None:
    with app.app_context():
        SMS_NOTIFIERS.factory.create_batch(2)
    allowed = "api.example.com,127.0.0.1"
    server = gunicorn(workers=1, NOTIFYHUB_TRUSTED_PROXIES=hops, NOTIFYHUB_ALLOWED_HOSTS=allowed)
    request = Request(f"{server.url}{SMS_NOTIFIERS.url}?limit=1", headers=FORWARDED)
    request.add_header("Authorization", f"Token {api.token}")
    with urlopen(request, timeout=10) as answer:
        page = json.load(answer)
    assert page["next"] == f"{base or server.url}{SMS_NOTIFIERS.url}?limit=1&offset=1"


def test_a_day_begins_and_ends_at_midnight_utc(api: Api, app: Flask) -> None:
    day = datetime(2025, 3, 1, tzinfo=UTC)
    moments = [
        day - timedelta(microseconds=1),
        day,
        day + timedelta(days=1, microseconds=-1),
        day + timedelta(days=1),
    ]
    with app.app_context():
        ids = [SMS_NOTIFIERS.factory(created_at=moment).id for moment in moments]

    def listed(query: str) -> list[int]:
        return [row["id"] for row in api.get(f"{SMS_NOTIFIERS.url}?ordering=id&{query}").json["results"]]

    assert listed("created_date=2025-03-01") == ids[1:3]
    assert listed("created_from=2025-03-01") == ids[1:]
    assert listed("created_to=2025-03-01") == ids[:3]
    assert listed("created_from=2025-03-01&created_to=2025-03-01") == ids[1:3]
