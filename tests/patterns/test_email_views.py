"""Email patterns over HTTP: what holds for them alone."""

from typing import Any

import pytest
from flask import Flask

from tests.patterns.conftest import EMAIL, Kind
from tests.support.clients import Api
from tests.support.factories import SMSNotifierFactory


@pytest.fixture
def kind() -> Kind:
    return EMAIL


def test_the_longest_email_pattern_fits_into_a_body(api: Api, url: str) -> None:
    longest = {**EMAIL.needed, "body_html": "😀" * 500_000}
    created = api.post(url, longest)
    assert (created.status, created.json["body_html"]) == (201, longest["body_html"])
    both = {"body_text": "ی" * 100_000, "body_html": "ی" * 500_000}
    one = f"{url}/{created.json['id']}"
    for method in ("PATCH", "POST"):
        answer = api.call(method, one, both)
        assert (answer.status, {name: answer.json[name] for name in both}) == (200, both)


def test_an_sms_notifier_has_no_email_patterns(api: Api, app: Flask) -> None:
    with app.app_context():
        sms = SMSNotifierFactory().id
    assert api.get(f"{EMAIL.notifiers}/{sms}/patterns").status == 404
    assert api.post(f"{EMAIL.notifiers}/{sms}/patterns", EMAIL.documented).status == 404


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
