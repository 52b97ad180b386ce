"""The delivery settings over HTTP, and what all settings share."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask

from tests.support.clients import Api
from tests.support.factories import EmailNotifierFactory, SMSNotifierFactory
from tests.support.queries import Queries

URL = "/api/settings/delivery"
DEFAULTS = {
    "sms_backup_notifiers": [],
    "email_backup_notifiers": [],
    "sms_countries": ["IR"],
    "sms_batch_size": 100,
    "credit_low": None,
    "alert_email": None,
    "audit_days": 365,
    "max_attempts": 5,
    "retry_delays": [5, 30, 120, 600],
    "message_ttl": 86_400,
    "retention_days": 90,
    "resend_uncertain": True,
}
NO_LIST = 'Expected a list of items but got type "{}".'
NO_COUNTRY = '"{}" is not the code of a country.'
NUMBER = "A valid number is required."
INTEGER = "A valid integer is required."
NULL = "This field may not be null."
KINDS = {"sms_backup_notifiers": SMSNotifierFactory, "email_backup_notifiers": EmailNotifierFactory}
each_settings = pytest.mark.parametrize("url", [URL, "/api/settings/notifications"])


def at_least(least: int) -> str:
    return f"Ensure this value is greater than or equal to {least}."


def at_most(most: int) -> str:
    return f"Ensure this value is less than or equal to {most}."


@pytest.fixture
def notifiers(app: Flask) -> Callable[[str, int], list[int]]:
    """Give a function that makes some notifiers for one of the lists and returns their ids."""

    def make(field: str, count: int) -> list[int]:
        with app.app_context():
            return [KINDS[field]().id for _ in range(count)]

    return make


def test_the_defaults_are_there_from_the_first_request_on(api: Api) -> None:
    answer = api.get(URL)
    assert answer.status == 200
    assert answer.json == DEFAULTS
    assert list(answer.json) == list(DEFAULTS)


@each_settings
@pytest.mark.parametrize("method", ["GET", "PATCH"])
def test_first_requests_that_arrive_together_all_succeed(app: Flask, api: Api, url: str, method: str) -> None:
    clients = [Api(app.test_client(), api.token) for _ in range(8)]
    with ThreadPoolExecutor(len(clients)) as pool:
        answers = list(
            pool.map(lambda client: client.call(method, url, {} if method == "PATCH" else None), clients)
        )
    assert [answer.status for answer in answers] == [200] * len(clients)
    assert all(answer.json == answers[0].json for answer in answers)


@each_settings
def test_reading_takes_one_statement_beside_that_for_the_token(api: Api, queries: Queries, url: str) -> None:
    api.get(url)
    with queries as statements:
        api.get(url)
    assert len(statements) == 2


@pytest.mark.parametrize(
    "change",
    [
        {"max_attempts": 1},
        {"max_attempts": 50},
        {"retry_delays": [1]},
        {"retry_delays": [86_400] * 50},
        {"retry_delays": [600, 5, 5]},
        {"message_ttl": 60},
        {"message_ttl": 2_592_000},
        {"retention_days": 1},
        {"retention_days": 3650},
        {"resend_uncertain": False},
        {"sms_countries": []},
        {"sms_countries": ["IR", "AF", "GB"]},
        {"sms_batch_size": 1},
        {"credit_low": 0, "alert_email": "ops@example.com", "audit_days": 30},
        {"credit_low": -12.75, "audit_days": 3650},
        {"credit_low": 6084722932.7},
        {"sms_batch_size": 1000},
        {"sms_backup_notifiers": [], "email_backup_notifiers": []},
        {name: value for name, value in DEFAULTS.items() if name != "max_attempts"},
    ],
)
def test_what_is_named_is_changed_and_the_rest_stays(api: Api, change: dict[str, Any]) -> None:
    before = {"max_attempts": 7, "retry_delays": [9, 9], "retention_days": 33}
    api.patch(URL, before)
    answer = api.patch(URL, change)
    assert answer.status == 200
    assert answer.json == {**DEFAULTS, **before, **change}
    assert api.get(URL).json == answer.json


def test_numbers_and_booleans_may_be_texts(api: Api) -> None:
    change = {
        "max_attempts": " 3 ",
        "sms_countries": [" ir", "af", "IR"],
        "retry_delays": ["7", 8.0],
        "resend_uncertain": "false",
        "credit_low": " 5.0 ",
        "alert_email": " Ops@EXAMPLE.com ",
        "audit_days": "31",
    }
    assert api.patch(URL, change).json == {
        **DEFAULTS,
        "max_attempts": 3,
        "sms_countries": ["IR", "AF"],
        "retry_delays": [7, 8],
        "resend_uncertain": False,
        "credit_low": 5,
        "alert_email": "Ops@example.com",
        "audit_days": 31,
    }


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("max_attempts", 0, [at_least(1)]),
        ("max_attempts", 51, [at_most(50)]),
        ("max_attempts", 1.5, [INTEGER]),
        ("max_attempts", True, [INTEGER]),
        ("max_attempts", None, [NULL]),
        ("max_attempts", 2**63 - 1, [at_most(50)]),
        ("retry_delays", 5, [NO_LIST.format("int")]),
        ("retry_delays", "5,30", [NO_LIST.format("str")]),
        ("retry_delays", {"0": 5}, [NO_LIST.format("dict")]),
        ("retry_delays", None, [NULL]),
        ("retry_delays", [], ["Ensure this field has at least 1 elements."]),
        ("retry_delays", [5] * 51, ["Ensure this field has no more than 50 elements."]),
        ("retry_delays", [5, 0, "x", 86_401], {"1": [at_least(1)], "2": [INTEGER], "3": [at_most(86_400)]}),
        ("retry_delays", [None, [5]], {"0": [NULL], "1": [INTEGER]}),
        ("message_ttl", 59, [at_least(60)]),
        ("message_ttl", 2_592_001, [at_most(2_592_000)]),
        ("retention_days", 0, [at_least(1)]),
        ("retention_days", 3651, [at_most(3650)]),
        ("sms_countries", None, [NULL]),
        ("sms_countries", "IR", [NO_LIST.format("str")]),
        ("sms_countries", ["IR", "XX", "001"], {"2": ["Ensure this field has no more than 2 characters."]}),
        (
            "sms_countries",
            ["IR", "XX", "AF", "98"],
            {"1": [NO_COUNTRY.format("XX")], "3": [NO_COUNTRY.format("98")]},
        ),
        ("sms_batch_size", 0, [at_least(1)]),
        ("sms_batch_size", 1001, [at_most(1000)]),
        ("sms_batch_size", None, [NULL]),
        ("credit_low", "much", [NUMBER]),
        ("credit_low", True, [NUMBER]),
        ("credit_low", [5], [NUMBER]),
        ("credit_low", "nan", [NUMBER]),
        ("credit_low", "-inf", [NUMBER]),
        ("credit_low", "1" * 400, [NUMBER]),
        ("alert_email", "ops", ["Enter a valid email address."]),
        (
            "alert_email",
            "Ops <ops@example.com>",
            ["Enter a valid email address."],
        ),
        ("alert_email", "", ["This field may not be blank."]),
        ("alert_email", 5, ["Enter a valid email address."]),
        ("audit_days", 29, [at_least(30)]),
        ("audit_days", 3651, [at_most(3650)]),
        ("audit_days", None, [NULL]),
        ("resend_uncertain", "perhaps", ["Must be a valid boolean."]),
        ("resend_uncertain", None, [NULL]),
    ],
)
def test_a_wrong_value_is_refused_and_nothing_is_changed(
    api: Api, field: str, value: Any, words: list[str] | dict[str, list[str]]
) -> None:
    answer = api.patch(URL, {"retention_days": 7, field: value})
    assert answer.status == 400
    assert answer.json == {field: words}
    assert api.get(URL).json == DEFAULTS


@pytest.mark.parametrize("field", KINDS)
def test_backups_keep_their_order(api: Api, notifiers: Callable[..., list[int]], field: str) -> None:
    first, second, third = notifiers(field, 3)
    order = [third, first, second]
    assert api.patch(URL, {field: [third, str(first), second]}).json == {**DEFAULTS, field: order}
    assert api.get(URL).json[field] == order
    assert api.patch(URL, {field: []}).json == DEFAULTS


@pytest.mark.parametrize("field", KINDS)
def test_each_backup_must_exist_and_be_named_once(
    api: Api, notifiers: Callable[..., list[int]], field: str
) -> None:
    (other,) = (name for name in KINDS if name != field)
    (known,) = notifiers(field, 1)
    elsewhere = 0
    while elsewhere <= known:
        (elsewhere,) = notifiers(other, 1)
    given = [known, elsewhere, 0, -1, 2**63 - 1, "9" * 50, known, "x", True, None]
    answer = api.patch(URL, {field: given})
    assert answer.status == 400
    # Values that are no ids at all are told of first, as no question to the database makes sense with them.
    assert answer.json[field] == {
        "2": ['Invalid pk "0" - object does not exist.'],
        "3": ['Invalid pk "-1" - object does not exist.'],
        "5": [f'Invalid pk "{"9" * 40}" - object does not exist.'],
        "7": ["Incorrect type. Expected pk value, received str."],
        "8": ["Incorrect type. Expected pk value, received bool."],
        "9": [NULL],
    }
    answer = api.patch(URL, {field: [known, elsewhere, 2**63 - 1, str(known)]})
    assert answer.status == 400
    assert answer.json[field] == {
        "1": [f'Invalid pk "{elsewhere}" - object does not exist.'],
        "2": [f'Invalid pk "{2**63 - 1}" - object does not exist.'],
        "3": [f"{known} stands in this list already."],
    }
    assert api.get(URL).json == DEFAULTS


@pytest.mark.parametrize("field", KINDS)
@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, [NULL]),
        (3, [NO_LIST.format("int")]),
        (list(range(1, 102)), ["Ensure this field has no more than 100 elements."]),
    ],
)
def test_backups_are_a_list_of_some_length(api: Api, field: str, value: Any, words: list[str]) -> None:
    answer = api.patch(URL, {field: value})
    assert (answer.status, answer.json) == (400, {field: words})


def test_as_many_backups_as_there_may_be_cost_one_statement(
    api: Api, notifiers: Callable[..., list[int]], queries: Queries
) -> None:
    ids = notifiers("sms_backup_notifiers", 100)
    assert api.patch(URL, {"sms_backup_notifiers": ids}).status == 200
    with queries as statements:
        assert api.get(URL).json["sms_backup_notifiers"] == ids
    assert len(statements) == 3


@pytest.mark.parametrize("field", KINDS)
def test_a_backup_can_be_deleted_and_is_then_left_out(
    api: Api, notifiers: Callable[..., list[int]], field: str
) -> None:
    first, second, third = notifiers(field, 3)
    api.patch(URL, {field: [first, second, third]})
    channel = field.partition("_")[0]
    assert api.delete(f"/api/notifications/notifiers/{channel}/{second}").status == 204
    assert api.get(URL).json[field] == [first, third]
    assert api.patch(URL, {}).json[field] == [first, third]


@pytest.mark.parametrize(("method", "code"), [("GET", 1036), ("PATCH", 1037)])
def test_staff_need_the_code_of_the_operation(
    anonymous: Api, staff: Callable[..., Api], method: str, code: int
) -> None:
    assert anonymous.call(method, URL).status == 401
    assert staff(*({1036, 1037} - {code})).call(method, URL).status == 403
    assert staff(code).call(method, URL).status == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_other_methods_are_not_allowed(api: Api, method: str) -> None:
    answer = api.call(method, URL, {})
    assert (answer.status, answer.json) == (405, {"detail": f'Method "{method}" not allowed.'})
    assert "PATCH" in answer.headers["Allow"]
