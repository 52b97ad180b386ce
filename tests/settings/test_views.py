"""The notification settings over HTTP."""

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from notifyhub.extensions import db
from notifyhub.settings.models import NotificationSettings
from tests.support.clients import Api
from tests.support.factories import EmailNotifierFactory, SMSNotifierFactory
from tests.support.words import NO_INTEGER, NULL

URL = "/api/settings/notifications"
DEFAULTS = {
    "notifications_sms_notifier_data": None,
    "notifications_email_notifier_data": None,
    "notifications_otp_code_len": 5,
    "notifications_otp_ttl": 120,
}
NO_OBJECT = 'Invalid pk "{}" - object does not exist.'
NO_PK = "Incorrect type. Expected pk value, received {}."


@pytest.fixture
def ids(app: Flask) -> dict[str, int]:
    """The ids of a notifier of each kind, which differ."""
    with app.app_context():
        SMSNotifierFactory()
        return {
            "sms": SMSNotifierFactory(name="ippanel_one").id,
            "email": EmailNotifierFactory(name="moeinmail").id,
        }


def rows(app: Flask) -> int | None:
    with app.app_context():
        return db.session.scalar(select(func.count()).select_from(NotificationSettings))


def test_the_settings_exist_from_the_start(api: Api, app: Flask) -> None:
    assert rows(app) == 1
    for _ in range(2):
        answer = api.get(URL)
        assert (answer.status, answer.json) == (200, DEFAULTS)
        assert list(answer.json) == list(DEFAULTS)
        assert rows(app) == 1


def test_the_first_request_may_be_a_change(api: Api, app: Flask) -> None:
    answer = api.patch(URL, {"notifications_otp_ttl": 60})
    assert (answer.status, answer.json) == (200, {**DEFAULTS, "notifications_otp_ttl": 60})
    assert rows(app) == 1


def test_the_settings_are_changed_as_documented(api: Api, ids: dict[str, int]) -> None:
    answer = api.patch(
        URL,
        {
            "notifications_sms_notifier": ids["sms"],
            "notifications_email_notifier": ids["email"],
            "notifications_otp_code_len": 6,
            "notifications_otp_ttl": 180,
        },
    )
    assert answer.status == 200
    assert list(answer.json) == list(DEFAULTS)
    assert [list(answer.json[name]) for name in list(DEFAULTS)[:2]] == [["id", "name"]] * 2
    assert answer.json == {
        "notifications_sms_notifier_data": {"id": ids["sms"], "name": "ippanel_one"},
        "notifications_email_notifier_data": {"id": ids["email"], "name": "moeinmail"},
        "notifications_otp_code_len": 6,
        "notifications_otp_ttl": 180,
    }
    assert api.get(URL).json == answer.json


def test_a_patch_changes_what_it_names_and_nothing_else(api: Api, ids: dict[str, int]) -> None:
    shown = dict(DEFAULTS)
    for change, part in [
        (
            {"notifications_sms_notifier": ids["sms"]},
            {"notifications_sms_notifier_data": {"id": ids["sms"], "name": "ippanel_one"}},
        ),
        (
            {"notifications_email_notifier": str(ids["email"])},
            {"notifications_email_notifier_data": {"id": ids["email"], "name": "moeinmail"}},
        ),
        ({}, {}),
        ({"notifications_otp_code_len": 4, "unknown": 1}, {"notifications_otp_code_len": 4}),
        ({"notifications_sms_notifier_data": None, "otp_ttl": 60, "id": 5}, {}),
        ({"notifications_sms_notifier": None}, {"notifications_sms_notifier_data": None}),
        ({"notifications_email_notifier": None}, {"notifications_email_notifier_data": None}),
    ]:
        shown.update(part)
        answer = api.patch(URL, change)
        assert (answer.status, answer.json) == (200, shown)
    assert api.get(URL).json == shown


def test_a_renamed_notifier_is_shown_under_its_new_name(api: Api, ids: dict[str, int]) -> None:
    api.patch(URL, {"notifications_sms_notifier": ids["sms"]})
    api.patch(f"/api/notifications/notifiers/sms/{ids['sms']}", {"name": "renamed"})
    assert api.get(URL).json["notifications_sms_notifier_data"] == {"id": ids["sms"], "name": "renamed"}


@pytest.mark.parametrize(
    ("name", "value", "stored"),
    [
        ("notifications_otp_code_len", 4, 4),
        ("notifications_otp_code_len", 10, 10),
        ("notifications_otp_code_len", "6", 6),
        ("notifications_otp_code_len", 6.0, 6),
        ("notifications_otp_ttl", 10, 10),
        ("notifications_otp_ttl", 86_400, 86_400),
    ],
)
def test_a_number_in_its_range_is_accepted(name: str, value: Any, stored: int, api: Api) -> None:
    answer = api.patch(URL, {name: value})
    assert (answer.status, answer.json) == (200, {**DEFAULTS, name: stored})


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("notifications_otp_code_len", 3, "Ensure this value is greater than or equal to 4."),
        ("notifications_otp_code_len", 11, "Ensure this value is less than or equal to 10."),
        ("notifications_otp_code_len", 0, "Ensure this value is greater than or equal to 4."),
        ("notifications_otp_ttl", 9, "Ensure this value is greater than or equal to 10."),
        ("notifications_otp_ttl", 86_401, "Ensure this value is less than or equal to 86400."),
        ("notifications_otp_ttl", 2**63 - 1, "Ensure this value is less than or equal to 86400."),
        *(
            (name, value, words)
            for name in ("notifications_otp_code_len", "notifications_otp_ttl")
            for value, words in [
                (None, NULL[0]),
                ("", NO_INTEGER[0]),
                ("x", NO_INTEGER[0]),
                (True, NO_INTEGER[0]),
                (60.5, NO_INTEGER[0]),
                ([], NO_INTEGER[0]),
                ({}, NO_INTEGER[0]),
            ]
        ),
        *(
            (name, value, words)
            for name in ("notifications_sms_notifier", "notifications_email_notifier")
            for value, words in [
                (99_999, NO_OBJECT.format(99_999)),
                (0, NO_OBJECT.format(0)),
                (-1, NO_OBJECT.format(-1)),
                (2**63 - 1, NO_OBJECT.format(2**63 - 1)),
                ("99999", NO_OBJECT.format(99_999)),
                ("9" * 30, NO_OBJECT.format("9" * 30)),
                ("one", NO_PK.format("str")),
                (True, NO_PK.format("bool")),
                (False, NO_PK.format("bool")),
                ([], NO_PK.format("list")),
                ({"id": 1}, NO_PK.format("dict")),
            ]
        ),
    ],
)
def test_a_wrong_value_is_refused_and_changes_nothing(
    name: str, value: Any, words: str, api: Api, ids: dict[str, int]
) -> None:
    before = api.patch(URL, {"notifications_sms_notifier": ids["sms"], "notifications_otp_ttl": 60}).json
    good = {
        "notifications_sms_notifier": None,
        "notifications_email_notifier": ids["email"],
        "notifications_otp_code_len": 8,
        "notifications_otp_ttl": 300,
    }
    answer = api.patch(URL, {**good, name: value})
    assert (answer.status, answer.json) == (400, {name: [words]})
    assert api.get(URL).json == before


def test_every_wrong_value_is_named(api: Api) -> None:
    answer = api.patch(
        URL,
        {
            "notifications_sms_notifier": 5,
            "notifications_email_notifier": "x",
            "notifications_otp_code_len": 3,
            "notifications_otp_ttl": None,
        },
    )
    assert answer.status == 400
    assert answer.json == {
        "notifications_sms_notifier": [NO_OBJECT.format(5)],
        "notifications_email_notifier": [NO_PK.format("str")],
        "notifications_otp_code_len": ["Ensure this value is greater than or equal to 4."],
        "notifications_otp_ttl": NULL,
    }


def test_a_notifier_of_the_other_kind_is_not_taken(api: Api, app: Flask) -> None:
    with app.app_context():
        sms = [SMSNotifierFactory().id for _ in range(3)][-1]
    answer = api.patch(URL, {"notifications_email_notifier": sms})
    assert (answer.status, answer.json) == (400, {"notifications_email_notifier": [NO_OBJECT.format(sms)]})


def test_an_empty_text_for_a_notifier_is_null(api: Api, ids: dict[str, int]) -> None:
    """A form sends it for no choice, and Django REST framework's related fields take it so."""
    api.patch(URL, {"notifications_sms_notifier": ids["sms"]})
    answer = api.patch(URL, {"notifications_sms_notifier": ""})
    assert (answer.status, answer.json) == (200, DEFAULTS)


def test_a_post_is_not_a_patch(api: Api) -> None:
    answer = api.post(URL, {"notifications_otp_ttl": 60})
    assert (answer.status, answer.json) == (405, {"detail": 'Method "POST" not allowed.'})
    assert api.get(URL).json == DEFAULTS
