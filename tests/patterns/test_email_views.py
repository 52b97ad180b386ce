"""Email patterns over HTTP."""

import re
from typing import Any

import pytest
from flask import Flask

from tests.support.clients import Api
from tests.support.factories import EmailNotifierFactory, EmailPatternFactory, SMSNotifierFactory
from tests.support.words import BLANK, LONG, NO_STRING, NULL, REQUIRED

EMAIL = "/api/notifications/notifiers/email"
FIELDS = [
    *("id", "name", "description", "from_email", "subject", "body_text", "body_html"),
    *("created_at", "updated_at"),
]
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")

TAKEN = {"name": ["email pattern with this name already exists."]}
LINE = ["Line ends and control characters are not allowed."]
NO_ADDRESS = ["Enter a valid email address."]

# The object of the documentation.
DOCUMENTED = {
    "name": "order_status_changed",
    "description": "used for sending status changes",
    "from_email": "info@hamgam.online",
    "subject": "hamgam order status changed",
    "body_text": "Order number {0} is in {1} status",
    "body_html": None,
}
NEEDED = {name: DOCUMENTED[name] for name in ("name", "subject", "body_text")}


@pytest.fixture
def url(app: Flask) -> str:
    """The patterns of a notifier."""
    with app.app_context():
        return f"{EMAIL}/{EmailNotifierFactory().id}/patterns"


@pytest.fixture
def pattern(api: Api, url: str) -> str:
    """The documented pattern, at its URL."""
    return f"{url}/{api.post(url, DOCUMENTED).json['id']}"


def test_an_email_pattern_is_created_as_documented(api: Api, url: str) -> None:
    answer = api.post(url, DOCUMENTED)
    assert answer.status == 201
    assert list(answer.json) == FIELDS
    assert type(answer.json["id"]) is int
    assert {name: answer.json[name] for name in DOCUMENTED} == DOCUMENTED
    assert MOMENT.fullmatch(answer.json["created_at"])
    assert MOMENT.fullmatch(answer.json["updated_at"])


def test_email_patterns_are_listed_as_documented(api: Api, url: str) -> None:
    welcome = {
        "name": "ثبت نام جدید",
        "description": None,
        "from_email": "فروشگاه <shop@example.com>",
        "subject": "{۰} عزیز، خوش آمدید",
        "body_text": "خوش آمدید",
        "body_html": "<p style='margin:{0}'>خوش آمدید</p>\n",
    }
    created = [api.post(url, body).json for body in (DOCUMENTED, welcome)]
    answer = api.get(url)
    assert answer.status == 200
    assert list(answer.json) == ["count", "next", "previous", "results"]
    assert answer.json == {"count": 2, "next": None, "previous": None, "results": created[::-1]}
    assert [list(row) for row in answer.json["results"]] == [FIELDS, FIELDS]
    assert welcome["subject"] in answer.response.text


@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_an_email_pattern_is_updated_as_documented(method: str, api: Api, pattern: str) -> None:
    before = api.get(pattern).json
    change = {"subject": "your order status changed"}
    answer = api.call(method, pattern, change)
    assert answer.status == 200
    assert list(answer.json) == FIELDS
    assert answer.json == {**before, **change, "updated_at": answer.json["updated_at"]}
    assert answer.json["updated_at"] > before["updated_at"]
    assert api.get(pattern).json == answer.json


def test_a_new_email_pattern_has_its_defaults(api: Api, url: str) -> None:
    answer = api.post(url, NEEDED)
    assert answer.status == 201
    assert {name: answer.json[name] for name in ("description", "from_email", "body_html")} == {
        "description": None,
        "from_email": None,
        "body_html": None,
    }


@pytest.mark.parametrize(
    ("change", "shown"),
    [
        ({"name": "\t trimmed \n"}, {"name": "trimmed"}),
        ({"name": 5}, {"name": "5"}),
        ({"name": "n" * 255}, {"name": "n" * 255}),
        ({"description": None}, {"description": None}),
        ({"description": " \n "}, {"description": ""}),
        ({"description": " trimmed "}, {"description": "trimmed"}),
        ({"description": "d" * 10_000}, {"description": "d" * 10_000}),
        ({"from_email": None}, {"from_email": None}),
        ({"from_email": ""}, {"from_email": None}),
        ({"from_email": " \n\u2003"}, {"from_email": None}),
        ({"from_email": " Info@EXAMPLE.com "}, {"from_email": "Info@example.com"}),
        ({"from_email": "a@مثال.ir"}, {"from_email": "a@xn--mgbh0fb.ir"}),
        (
            {"from_email": "فروشگاه\u200cما <a@Example.COM>"},
            {"from_email": "فروشگاه\u200cما <a@example.com>"},
        ),
        ({"from_email": f"{'n' * 245} <a@b.ir>"}, {"from_email": f"{'n' * 245} <a@b.ir>"}),
        ({"subject": " trimmed "}, {"subject": "trimmed"}),
        ({"subject": 5}, {"subject": "5"}),
        ({"subject": "سفارش\u200cها {0} =?utf-8?q?x?="}, {"subject": "سفارش\u200cها {0} =?utf-8?q?x?="}),
        ({"subject": "s" * 255}, {"subject": "s" * 255}),
        ({"body_text": "\n  as it is \t"}, {"body_text": "\n  as it is \t"}),
        ({"body_text": 5}, {"body_text": "5"}),
        ({"body_text": "{0} {۱} %name% {" * 6_000}, {"body_text": "{0} {۱} %name% {" * 6_000}),
        ({"body_text": "🎉'\";--\u200c"}, {"body_text": "🎉'\";--\u200c"}),
        ({"body_html": None}, {"body_html": None}),
        ({"body_html": ""}, {"body_html": ""}),
        ({"body_html": " \r\n\t"}, {"body_html": ""}),
        ({"body_html": " <p>{0}</p>\r\n"}, {"body_html": " <p>{0}</p>\r\n"}),
        ({"body_html": "p{margin:0} %D8%A7 <b>&amp;"}, {"body_html": "p{margin:0} %D8%A7 <b>&amp;"}),
    ],
)
def test_a_value_of_an_email_pattern_is_accepted(
    change: dict[str, Any], shown: dict[str, Any], api: Api, url: str, pattern: str
) -> None:
    created = api.post(url, {**DOCUMENTED, "name": "another", **change})
    assert (created.status, {name: created.json[name] for name in shown}) == (201, shown)
    assert api.delete(f"{url}/{created.json['id']}").status == 204
    changed = api.patch(pattern, change)
    assert (changed.status, {name: changed.json[name] for name in shown}) == (200, shown)
    assert api.get(pattern).json == changed.json


@pytest.mark.parametrize(
    ("change", "errors"),
    [
        (dict.fromkeys(NEEDED), dict.fromkeys(NEEDED, NULL)),
        (
            {"name": "", "subject": " \n", "body_text": " \n\t\u2003"},
            {"name": BLANK, "subject": BLANK, "body_text": BLANK},
        ),
        (dict.fromkeys(DOCUMENTED, True), dict.fromkeys(DOCUMENTED, NO_STRING)),
        ({name: [] for name in DOCUMENTED}, dict.fromkeys(DOCUMENTED, NO_STRING)),
        ({"name": "n" * 256, "subject": "s" * 256}, {"name": LONG, "subject": LONG}),
        (
            {"description": "d" * 10_001},
            {"description": ["Ensure this field has no more than 10000 characters."]},
        ),
        (
            {"body_text": "b" * 100_001},
            {"body_text": ["Ensure this field has no more than 100000 characters."]},
        ),
        (
            {"body_html": "b" * 500_001},
            {"body_html": ["Ensure this field has no more than 500000 characters."]},
        ),
        ({"subject": "s\r\nBcc: c@d.ir"}, {"subject": LINE}),
        ({"subject": "s\u2028t"}, {"subject": LINE}),
        ({"subject": "s\n"}, {"subject": LINE}),
        ({"from_email": "info"}, {"from_email": NO_ADDRESS}),
        ({"from_email": 5}, {"from_email": NO_ADDRESS}),
        ({"from_email": "a@b.ir, c@d.ir"}, {"from_email": NO_ADDRESS}),
        ({"from_email": "a@b.ir\nBcc: c@d.ir"}, {"from_email": LINE}),
        ({"from_email": f"{'n' * 248} <a@b.ir>"}, {"from_email": LONG}),
        # Its one form is longer than what was given.
        ({"from_email": f"{'n' * 240} <a@مثال.ir>"}, {"from_email": LONG}),
    ],
    ids=lambda value: str(value)[:60],
)
def test_a_value_of_an_email_pattern_is_refused(
    change: dict[str, Any], errors: dict[str, Any], api: Api, url: str, pattern: str
) -> None:
    before = api.get(pattern).json
    for answer in (
        api.post(url, {**NEEDED, "name": "x", **change}),
        api.patch(pattern, {"name": "x", **change}),
        api.post(pattern, {"name": "x", **change}),
    ):
        assert (answer.status, answer.json) == (400, errors)
    assert api.get(url).json["results"] == [before]


def test_what_an_email_pattern_needs_is_named(api: Api, url: str) -> None:
    answer = api.post(url, {})
    assert (answer.status, answer.json) == (400, dict.fromkeys(NEEDED, REQUIRED))


def test_the_longest_email_pattern_fits_into_a_body(api: Api, url: str) -> None:
    longest = {**NEEDED, "body_html": "😀" * 500_000}
    created = api.post(url, longest)
    assert (created.status, created.json["body_html"]) == (201, longest["body_html"])
    both = {"body_text": "ی" * 100_000, "body_html": "ی" * 500_000}
    one = f"{url}/{created.json['id']}"
    for method in ("PATCH", "POST"):
        answer = api.call(method, one, both)
        assert (answer.status, {name: answer.json[name] for name in both}) == (200, both)


@pytest.mark.parametrize("name", ["order_status_changed", " order_status_changed "])
def test_a_name_is_unique_within_its_email_notifier(name: str, api: Api, url: str, pattern: str) -> None:
    duplicate = api.post(url, {**NEEDED, "name": name})
    assert (duplicate.status, duplicate.json) == (400, TAKEN)
    other = api.post(url, {**NEEDED, "name": "other"})
    assert other.status == 201
    for method in ("PATCH", "POST"):
        taken = api.call(method, f"{url}/{other.json['id']}", {"name": name, "subject": "s"})
        assert (taken.status, taken.json) == (400, TAKEN)
    assert api.get(f"{url}/{other.json['id']}").json == other.json
    assert api.patch(pattern, {"name": name}).status == 200


def test_a_name_may_be_taken_at_another_email_notifier_and_again_after_a_deletion(
    api: Api, app: Flask, url: str, pattern: str
) -> None:
    with app.app_context():
        elsewhere = f"{EMAIL}/{EmailNotifierFactory().id}/patterns"
    assert api.post(elsewhere, DOCUMENTED).status == 201
    assert api.post(url, {**NEEDED, "name": "Order_Status_Changed"}).status == 201
    assert api.delete(pattern).status == 204
    assert api.post(url, DOCUMENTED).status == 201


@pytest.mark.parametrize("method", ["GET", "HEAD", "PATCH", "POST", "DELETE"])
def test_under_another_notifier_an_email_pattern_is_not_found(
    method: str, api: Api, app: Flask, url: str, pattern: str
) -> None:
    with app.app_context():
        other = EmailPatternFactory(name="other").notifier_id
    before = api.get(pattern).json
    body = {"name": "moved"} if method in {"PATCH", "POST"} else None
    assert api.call(method, f"{EMAIL}/{other}/patterns/{before['id']}", body).status == 404
    assert api.get(pattern).json == before
    assert [one["name"] for one in api.get(f"{EMAIL}/{other}/patterns").json["results"]] == ["other"]


def test_an_sms_notifier_has_no_email_patterns(api: Api, app: Flask) -> None:
    with app.app_context():
        sms = SMSNotifierFactory().id
    assert api.get(f"{EMAIL}/{sms}/patterns").status == 404
    assert api.post(f"{EMAIL}/{sms}/patterns", DOCUMENTED).status == 404


def test_an_email_pattern_stays_with_its_notifier(api: Api, app: Flask, url: str, pattern: str) -> None:
    with app.app_context():
        other = EmailNotifierFactory().id
    for method in ("PATCH", "POST"):
        assert api.call(method, pattern, {"notifier_id": other, "notifier": other}).status == 200
    assert api.get(url).json["count"] == 1


@pytest.mark.parametrize(
    ("change", "moves"),
    [
        ({}, False),
        (DOCUMENTED, False),
        ({"subject": " hamgam order status changed", "from_email": "info@HAMGAM.online"}, False),
        ({"id": 99, "created_at": "2000-01-01T00:00:00Z", "updated_at": None, "unknown": 1}, False),
        ({"body_text": "Order number {0} is in {1} status "}, True),
        ({"from_email": ""}, True),
        ({"body_html": ""}, True),
        ({"description": None}, True),
    ],
)
def test_updated_at_moves_only_when_an_email_pattern_changes(
    change: dict[str, Any], moves: bool, api: Api, pattern: str
) -> None:
    before = api.get(pattern).json
    for method in ("PATCH", "POST"):
        answer = api.call(method, pattern, change)
        assert (answer.status, answer.json["id"]) == (200, before["id"])
        assert answer.json["created_at"] == before["created_at"]
        assert (answer.json["updated_at"] > before["updated_at"]) is moves
        assert api.get(pattern).json == answer.json


def test_the_ids_of_deleted_email_patterns_are_not_given_again(api: Api, url: str) -> None:
    ids = []
    for _ in range(3):
        ids.append(api.post(url, DOCUMENTED).json["id"])
        assert api.delete(f"{url}/{ids[-1]}").status == 204
        assert api.get(f"{url}/{ids[-1]}").status == 404
        assert api.delete(f"{url}/{ids[-1]}").status == 404
    assert ids == sorted(set(ids))


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("from_email=shop@example.com", ["bare"]),
        ("from_email=SHOP@Example.COM", ["bare"]),
        ("from_email=shop", []),
        ("from_email=%25", []),
        ("from_email=sh_p@example.com", []),
        ("from_email=fr%C3%89e@example.com", ["accented"]),
        ("from_email=FR%C3%89E@example.com", ["accented"]),
        ("from_email=Shop%20%3Cshop@EXAMPLE.com%3E", ["named"]),
        ("from_email=a@%D9%85%D8%AB%D8%A7%D9%84.ir", ["idn"]),
        ("from_email=", ["none", "idn", "accented", "named", "bare"]),
        ("has_from_email=0", ["none"]),
        ("has_from_email=true", ["idn", "accented", "named", "bare"]),
        ("has_body_html=1", ["bare"]),
        ("has_body_html=false", ["none", "idn", "accented", "named"]),
        ("has_description=1", ["named"]),
        ("search=%3CB%3E", ["bare"]),
        ("search=SHOP+named", ["named"]),
        ("search=Order", ["none", "idn", "accented", "named", "bare"]),
        ("ordering=from_email", ["none", "named", "idn", "accented", "bare"]),
    ],
)
def test_email_patterns_are_found(query: str, found: list[str], api: Api, url: str) -> None:
    rows: list[dict[str, Any]] = [
        {"name": "bare", "from_email": "shop@example.com", "body_html": "<b>{0}</b>"},
        {"name": "named", "from_email": "SHOP <shop@example.com>", "description": "of the shop"},
        {"name": "accented", "from_email": "frÉe@example.com", "body_html": ""},
        {"name": "idn", "from_email": "a@مثال.ir", "description": ""},
        {"name": "none"},
    ]
    for row in rows:
        assert api.post(url, {"subject": "Order", "body_text": "{0}", **row}).status == 201
    assert [row["name"] for row in api.get(f"{url}?{query}").json["results"]] == found


@pytest.mark.parametrize("name", ["has_from_email", "has_body_html", "has_description"])
def test_what_is_neither_true_nor_false_filters_no_email_patterns(name: str, api: Api, url: str) -> None:
    answer = api.get(f"{url}?{name}=yes")
    assert (answer.status, answer.json) == (400, {name: ["Must be a valid boolean."]})


@pytest.mark.parametrize("field", ["description", "body_text", "body_html", "notifier_id"])
def test_email_patterns_have_no_other_order_than_the_documented(field: str, api: Api, url: str) -> None:
    answer = api.get(f"{url}?ordering={field}")
    assert (answer.status, answer.json) == (400, {"ordering": [f'"{field}" is not a valid choice.']})
