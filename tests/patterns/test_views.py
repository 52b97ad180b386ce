"""Patterns over HTTP: what holds for those of SMS and of email alike."""

import re
from typing import Any

import pytest
from flask import Flask

from tests.patterns.conftest import EMAIL, SMS, Kind
from tests.support.clients import Api
from tests.support.words import BLANK, LONG, NO_STRING, NULL, REQUIRED

MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")

LINE = ["Line ends and control characters are not allowed."]
NO_ADDRESS = ["Enter a valid email address."]


def taken(kind: Kind) -> dict[str, list[str]]:
    return {"name": [f"{kind} pattern with this name already exists."]}


def of_each(names: str, sms: list[tuple[Any, ...]], email: list[tuple[Any, ...]]) -> pytest.MarkDecorator:
    """Return the mark of a test that has a table for each kind."""
    cases = [(kind, *case) for kind, table in ((SMS, sms), (EMAIL, email)) for case in table]
    return pytest.mark.parametrize(f"kind, {names}", cases, ids=lambda value: str(value)[:60])


def test_a_pattern_is_created_as_documented(kind: Kind, api: Api, url: str) -> None:
    answer = api.post(url, kind.documented)
    assert answer.status == 201
    assert list(answer.json) == kind.fields
    assert type(answer.json["id"]) is int
    assert {name: answer.json[name] for name in kind.documented} == kind.documented
    assert MOMENT.fullmatch(answer.json["created_at"])
    assert MOMENT.fullmatch(answer.json["updated_at"])


def test_patterns_are_listed_as_documented(kind: Kind, api: Api, url: str) -> None:
    created = [api.post(url, body).json for body in kind.listed]
    answer = api.get(url)
    assert answer.status == 200
    assert list(answer.json) == ["count", "next", "previous", "results"]
    assert answer.json == {"count": 2, "next": None, "previous": None, "results": created[::-1]}
    assert [list(row) for row in answer.json["results"]] == [kind.fields, kind.fields]
    assert kind.listed[1]["name"] in answer.response.text  # not escaped


@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_a_pattern_is_updated_as_documented(method: str, kind: Kind, api: Api, pattern: str) -> None:
    before = api.get(pattern).json
    answer = api.call(method, pattern, kind.change)
    assert answer.status == 200
    assert list(answer.json) == kind.fields
    assert answer.json == {**before, **kind.change, "updated_at": answer.json["updated_at"]}
    assert answer.json["updated_at"] > before["updated_at"]
    assert api.get(pattern).json == answer.json


@pytest.mark.parametrize(
    ("kind", "defaults"),
    [
        (SMS, {"status": "created", "description": None}),
        (EMAIL, {"description": None, "from_email": None, "body_html": None}),
    ],
    ids=str,
)
def test_a_new_pattern_has_its_defaults(kind: Kind, defaults: dict[str, Any], api: Api, url: str) -> None:
    answer = api.post(url, kind.needed)
    assert (answer.status, {name: answer.json[name] for name in defaults}) == (201, defaults)


@of_each(
    "change, shown",
    sms=[
        ({"code": 187566}, {"code": "187566"}),
        ({"code": -(2**63)}, {"code": "-9223372036854775808"}),
        ({"code": 1.5}, {"code": "1.5"}),
        ({"code": " a b "}, {"code": "a b"}),
        ({"code": "c" * 255}, {"code": "c" * 255}),
        ({"name": "\t trimmed \n"}, {"name": "trimmed"}),
        ({"name": 5}, {"name": "5"}),
        ({"name": "n" * 255}, {"name": "n" * 255}),
        ({"description": None}, {"description": None}),
        ({"description": ""}, {"description": ""}),
        ({"description": " \n "}, {"description": ""}),
        ({"description": " trimmed "}, {"description": "trimmed"}),
        ({"description": "d" * 10_000}, {"description": "d" * 10_000}),
        ({"body": "\n  as it is \t"}, {"body": "\n  as it is \t"}),
        ({"body": 5}, {"body": "5"}),
        ({"body": "{0} {۱} %name% {" * 600}, {"body": "{0} {۱} %name% {" * 600}),
        ({"body": "b" * 10_000}, {"body": "b" * 10_000}),
        ({"body": "🎉'\";--\u200c"}, {"body": "🎉'\";--\u200c"}),
        *(
            ({"status": status}, {"status": status})
            for status in ("created", "pending", "approved", "rejected")
        ),
    ],
    email=[
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
def test_a_value_is_accepted(
    kind: Kind, change: dict[str, Any], shown: dict[str, Any], api: Api, url: str, pattern: str
) -> None:
    created = api.post(url, {**kind.documented, "name": "another", **change})
    assert (created.status, {name: created.json[name] for name in shown}) == (201, shown)
    assert api.delete(f"{url}/{created.json['id']}").status == 204
    changed = api.patch(pattern, change)
    assert (changed.status, {name: changed.json[name] for name in shown}) == (200, shown)
    assert api.get(pattern).json == changed.json


@of_each(
    "change, errors",
    sms=[
        (
            dict.fromkeys(("status", "name", "code", "body")),
            dict.fromkeys(("status", "name", "code", "body"), NULL),
        ),
        ({"status": ""}, {"status": ['"" is not a valid choice.']}),
        ({"status": "Created"}, {"status": ['"Created" is not a valid choice.']}),
        ({"status": 1}, {"status": ['"1" is not a valid choice.']}),
        ({"status": ["created"]}, {"status": ["\"['created']\" is not a valid choice."]}),
        ({"name": "", "code": " ", "body": " \n\t\u2003"}, {"name": BLANK, "code": BLANK, "body": BLANK}),
        (
            {"name": True, "code": False, "body": []},
            {"name": NO_STRING, "code": NO_STRING, "body": NO_STRING},
        ),
        ({"description": {}}, {"description": NO_STRING}),
        ({"name": "n" * 256}, {"name": ["Ensure this field has no more than 255 characters."]}),
        ({"code": "c" * 256}, {"code": ["Ensure this field has no more than 255 characters."]}),
        (
            {"description": "d" * 10_001},
            {"description": ["Ensure this field has no more than 10000 characters."]},
        ),
        ({"body": "b" * 10_001}, {"body": ["Ensure this field has no more than 10000 characters."]}),
    ],
    email=[
        (dict.fromkeys(EMAIL.required), dict.fromkeys(EMAIL.required, NULL)),
        (
            {"name": "", "subject": " \n", "body_text": " \n\t\u2003"},
            {"name": BLANK, "subject": BLANK, "body_text": BLANK},
        ),
        (dict.fromkeys(EMAIL.documented, True), dict.fromkeys(EMAIL.documented, NO_STRING)),
        ({name: [] for name in EMAIL.documented}, dict.fromkeys(EMAIL.documented, NO_STRING)),
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
)
def test_a_value_is_refused(
    kind: Kind, change: dict[str, Any], errors: dict[str, Any], api: Api, url: str, pattern: str
) -> None:
    before = api.get(pattern).json
    for answer in (
        api.post(url, {**kind.needed, "name": "x", **change}),
        api.patch(pattern, {"name": "x", **change}),
        api.post(pattern, {"name": "x", **change}),
    ):
        assert (answer.status, answer.json) == (400, errors)
    assert api.get(url).json["results"] == [before]


def test_what_a_pattern_needs_is_named(kind: Kind, api: Api, url: str) -> None:
    answer = api.post(url, {})
    assert (answer.status, answer.json) == (400, dict.fromkeys(kind.required, REQUIRED))


@pytest.mark.parametrize("form", ["{}", " {} "])
def test_a_name_is_unique_within_its_notifier(
    form: str, kind: Kind, api: Api, url: str, pattern: str
) -> None:
    name = form.format(kind.documented["name"])
    duplicate = api.post(url, {**kind.needed, "name": name})
    assert (duplicate.status, duplicate.json) == (400, taken(kind))
    other = api.post(url, {**kind.needed, "name": "other"})
    assert other.status == 201
    for method in ("PATCH", "POST"):
        refused = api.call(method, f"{url}/{other.json['id']}", {**kind.change, "name": name})
        assert (refused.status, refused.json) == (400, taken(kind))
    assert api.get(f"{url}/{other.json['id']}").json == other.json
    assert api.patch(pattern, {"name": name}).status == 200


def test_a_name_may_be_taken_elsewhere_and_again_after_a_deletion(
    kind: Kind, api: Api, app: Flask, url: str, pattern: str
) -> None:
    with app.app_context():
        elsewhere = f"{kind.notifiers}/{kind.notifier().id}/patterns"
    assert api.post(elsewhere, kind.documented).status == 201
    assert api.post(url, {**kind.needed, "name": kind.documented["name"].title()}).status == 201
    assert api.delete(pattern).status == 204
    assert api.post(url, kind.documented).status == 201


@pytest.mark.parametrize("method", ["GET", "HEAD", "PATCH", "POST", "DELETE"])
def test_under_another_notifier_a_pattern_is_not_found(
    method: str, kind: Kind, api: Api, app: Flask, pattern: str
) -> None:
    with app.app_context():
        other = f"{kind.notifiers}/{kind.pattern(name='other').notifier_id}/patterns"
    before = api.get(pattern).json
    body = {"name": "moved"} if method in {"PATCH", "POST"} else None
    assert api.call(method, f"{other}/{before['id']}", body).status == 404
    assert api.get(pattern).json == before
    assert [one["name"] for one in api.get(other).json["results"]] == ["other"]


def test_a_pattern_stays_with_its_notifier(kind: Kind, api: Api, app: Flask, url: str, pattern: str) -> None:
    with app.app_context():
        other = kind.notifier().id
    for method in ("PATCH", "POST"):
        assert api.call(method, pattern, {"notifier_id": other, "notifier": other}).status == 200
    assert api.get(url).json["count"] == 1


@of_each(
    "change, moves",
    sms=[
        ({}, False),
        (SMS.documented, False),
        ({"code": 187566, "name": " otp-code ", "description": "used for sending otp codes "}, False),
        ({"id": 99, "created_at": "2000-01-01T00:00:00Z", "updated_at": None, "unknown": 1}, False),
        ({**SMS.documented, "body": "Your login otp code is {0} "}, True),
        ({"description": None}, True),
        ({"description": ""}, True),
        ({"status": "approved"}, True),
    ],
    email=[
        ({}, False),
        (EMAIL.documented, False),
        ({"subject": " hamgam order status changed", "from_email": "info@HAMGAM.online"}, False),
        ({"id": 99, "created_at": "2000-01-01T00:00:00Z", "updated_at": None, "unknown": 1}, False),
        ({"body_text": "Order number {0} is in {1} status "}, True),
        ({"from_email": ""}, True),
        ({"body_html": ""}, True),
        ({"description": None}, True),
    ],
)
def test_updated_at_moves_only_when_something_changes(
    kind: Kind, change: dict[str, Any], moves: bool, api: Api, pattern: str
) -> None:
    before = api.get(pattern).json
    for method in ("PATCH", "POST"):
        answer = api.call(method, pattern, change)
        assert (answer.status, answer.json["id"]) == (200, before["id"])
        assert answer.json["created_at"] == before["created_at"]
        assert (answer.json["updated_at"] > before["updated_at"]) is moves
        assert api.get(pattern).json == answer.json


def test_an_empty_patch_without_a_body_changes_nothing(api: Api, pattern: str) -> None:
    before = api.get(pattern).json
    for method in ("PATCH", "POST"):
        answer = api.call(method, pattern)
        assert (answer.status, answer.json) == (200, before)


def test_the_ids_of_deleted_patterns_are_not_given_again(kind: Kind, api: Api, url: str) -> None:
    ids = []
    for _ in range(3):
        ids.append(api.post(url, kind.documented).json["id"])
        assert api.delete(f"{url}/{ids[-1]}").status == 204
        assert api.get(f"{url}/{ids[-1]}").status == 404
        assert api.delete(f"{url}/{ids[-1]}").status == 404
    assert ids == sorted(set(ids))
