"""Patterns over HTTP."""

import re
from typing import Any

import pytest
from flask import Flask

from tests.support.clients import Api
from tests.support.factories import SMSNotifierFactory, SMSPatternFactory
from tests.support.words import BLANK, NO_STRING, NULL, REQUIRED

SMS = "/api/notifications/notifiers/sms"
FIELDS = ["id", "status", "name", "code", "description", "body", "created_at", "updated_at"]
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")

TAKEN = {"name": ["sms pattern with this name already exists."]}

# "Create SMS pattern" of the documentation.
DOCUMENTED = {
    "status": "rejected",
    "name": "otp-code",
    "code": "187566",
    "description": "used for sending otp codes",
    "body": "Your login otp code is {0}",
}
NEEDED = {name: DOCUMENTED[name] for name in ("name", "code", "body")}


@pytest.fixture
def url(app: Flask) -> str:
    """The patterns of a notifier."""
    with app.app_context():
        return f"{SMS}/{SMSNotifierFactory().id}/patterns"


@pytest.fixture
def pattern(api: Api, url: str) -> str:
    """The documented pattern, at its URL."""
    return f"{url}/{api.post(url, DOCUMENTED).json['id']}"


def test_a_pattern_is_created_as_documented(api: Api, url: str) -> None:
    answer = api.post(url, DOCUMENTED)
    assert answer.status == 201
    assert list(answer.json) == FIELDS
    assert type(answer.json["id"]) is int
    assert {name: answer.json[name] for name in DOCUMENTED} == DOCUMENTED
    assert MOMENT.fullmatch(answer.json["created_at"])
    assert MOMENT.fullmatch(answer.json["updated_at"])


def test_patterns_are_listed_as_documented(api: Api, url: str) -> None:
    otp = {
        "status": "approved",
        "name": "otp",
        "code": "13420",
        "description": "برای ارسال پیامک کد یکبار مصرف استفاده می شود",
        "body": "(0)",
    }
    registered = {
        "status": "approved",
        "name": "ثبت نام جدید",
        "code": "12062",
        "description": "استفاده برای اطلاع رسانی در مورد ثبت نام کاربر جدید",
        "body": "کاربر با شماره تماس {0} و نام {۱} ثبت نام کرد",
    }
    created = [api.post(url, body).json for body in (otp, registered)]
    answer = api.get(url)
    assert answer.status == 200
    assert list(answer.json) == ["count", "next", "previous", "results"]
    assert answer.json == {"count": 2, "next": None, "previous": None, "results": created[::-1]}
    assert [list(row) for row in answer.json["results"]] == [FIELDS, FIELDS]
    assert registered["body"] in answer.response.text


@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_a_pattern_is_updated_as_documented(method: str, api: Api, pattern: str) -> None:
    before = api.get(pattern).json
    change = {"status": "approved", "name": "otp-code-edited", "code": "18756"}
    answer = api.call(method, pattern, change)
    assert answer.status == 200
    assert list(answer.json) == FIELDS
    assert answer.json == {**before, **change, "updated_at": answer.json["updated_at"]}
    assert answer.json["updated_at"] > before["updated_at"]
    assert api.get(pattern).json == answer.json


def test_a_new_pattern_has_its_defaults(api: Api, url: str) -> None:
    answer = api.post(url, NEEDED)
    assert (answer.status, answer.json["status"], answer.json["description"]) == (201, "created", None)


@pytest.mark.parametrize(
    ("change", "shown"),
    [
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
)
def test_a_value_is_accepted(
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
)
def test_a_value_is_refused(
    change: dict[str, Any], errors: dict[str, Any], api: Api, url: str, pattern: str
) -> None:
    before = api.get(pattern).json
    for answer in (
        api.post(url, {**NEEDED, "name": "x", **change}),
        api.patch(pattern, {"name": "x", **change}),
    ):
        assert (answer.status, answer.json) == (400, errors)
    assert api.get(url).json["results"] == [before]


def test_what_a_pattern_needs_is_named(api: Api, url: str) -> None:
    answer = api.post(url, {})
    assert (answer.status, answer.json) == (400, dict.fromkeys(("name", "code", "body"), REQUIRED))


@pytest.mark.parametrize("name", ["otp-code", " otp-code "])
def test_a_name_is_unique_within_its_notifier(name: str, api: Api, url: str, pattern: str) -> None:
    duplicate = api.post(url, {**NEEDED, "name": name})
    assert (duplicate.status, duplicate.json) == (400, TAKEN)
    other = api.post(url, {**NEEDED, "name": "other"})
    assert other.status == 201
    for method in ("PATCH", "POST"):
        taken = api.call(method, f"{url}/{other.json['id']}", {"name": name, "code": "1"})
        assert (taken.status, taken.json) == (400, TAKEN)
    assert api.get(f"{url}/{other.json['id']}").json == other.json
    assert api.patch(pattern, {"name": name}).status == 200


def test_a_name_may_be_taken_elsewhere_and_again_after_a_deletion(
    api: Api, app: Flask, url: str, pattern: str
) -> None:
    with app.app_context():
        elsewhere = f"{SMS}/{SMSNotifierFactory().id}/patterns"
    assert api.post(elsewhere, DOCUMENTED).status == 201
    assert api.post(url, {**NEEDED, "name": "Otp-Code"}).status == 201
    assert api.delete(pattern).status == 204
    assert api.post(url, DOCUMENTED).status == 201


@pytest.mark.parametrize("method", ["GET", "HEAD", "PATCH", "POST", "DELETE"])
def test_under_another_notifier_a_pattern_is_not_found(
    method: str, api: Api, app: Flask, url: str, pattern: str
) -> None:
    with app.app_context():
        other = SMSPatternFactory(name="other").notifier_id
    before = api.get(pattern).json
    body = {"name": "moved"} if method in {"PATCH", "POST"} else None
    assert api.call(method, f"{SMS}/{other}/patterns/{before['id']}", body).status == 404
    assert api.get(pattern).json == before
    assert [one["name"] for one in api.get(f"{SMS}/{other}/patterns").json["results"]] == ["other"]


def test_a_pattern_stays_with_its_notifier(api: Api, app: Flask, url: str, pattern: str) -> None:
    with app.app_context():
        other = SMSNotifierFactory().id
    for method in ("PATCH", "POST"):
        assert api.call(method, pattern, {"notifier_id": other, "notifier": other}).status == 200
    assert api.get(url).json["count"] == 1


@pytest.mark.parametrize(
    ("change", "moves"),
    [
        ({}, False),
        (DOCUMENTED, False),
        ({"code": 187566, "name": " otp-code ", "description": "used for sending otp codes "}, False),
        ({"id": 99, "created_at": "2000-01-01T00:00:00Z", "updated_at": None, "unknown": 1}, False),
        ({**DOCUMENTED, "body": "Your login otp code is {0} "}, True),
        ({"description": None}, True),
        ({"description": ""}, True),
        ({"status": "approved"}, True),
    ],
)
def test_updated_at_moves_only_when_something_changes(
    change: dict[str, Any], moves: bool, api: Api, pattern: str
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


def test_the_ids_of_deleted_patterns_are_not_given_again(api: Api, url: str) -> None:
    ids = []
    for _ in range(3):
        ids.append(api.post(url, DOCUMENTED).json["id"])
        assert api.delete(f"{url}/{ids[-1]}").status == 204
        assert api.get(f"{url}/{ids[-1]}").status == 404
    assert ids == sorted(set(ids))
