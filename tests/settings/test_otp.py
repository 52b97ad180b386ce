"""The settings of one-time passwords over HTTP."""

from typing import Any

import pytest
from flask import Flask

from tests.support.clients import Api
from tests.support.factories import EmailPatternFactory, SMSPatternFactory
from tests.support.queries import Queries

URL = "/api/settings/otp"
GENERAL = "/api/settings/notifications"
NOTIFIERS = "/api/notifications/notifiers"
CHANNELS = ("sms", "email")
LIMITS = {
    "otp_max_attempts": 5,
    "otp_resend_cooldown": 60,
    "otp_max_per_hour": 5,
    "otp_max_per_client_hour": 20,
}
PATTERNS = ["otp_sms_pattern", "otp_email_pattern"]
TEXTS = ["otp_email_subject", "otp_email_text"]
FIELDS = ["otp_sms_pattern", "otp_sms_text", "otp_email_pattern", *TEXTS, *LIMITS]
IN_USE = {"detail": "The settings of one-time passwords name this pattern, or one of this notifier."}
FACTORIES = {"sms": SMSPatternFactory, "email": EmailPatternFactory}
DEFAULT = {"detail": "This notifier is the default one in the notification settings."}


@pytest.fixture
def patterns(app: Flask) -> dict[str, tuple[int, int]]:
    """The ids of a pattern and of its notifier, by channel."""
    with app.app_context():
        made = {channel: factory() for channel, factory in FACTORIES.items()}
        return {channel: (pattern.id, pattern.notifier_id) for channel, pattern in made.items()}


def test_the_defaults_can_be_sent(api: Api) -> None:
    answer = api.get(URL)
    assert answer.status == 200
    assert list(answer.json) == FIELDS
    assert {name: answer.json[name] for name in LIMITS} == LIMITS
    assert {answer.json[name] for name in PATTERNS} == {None}
    texts = {name: answer.json[name] for name in ("otp_sms_text", *TEXTS)}
    assert all("{code}" in texts[name] for name in ("otp_sms_text", "otp_email_text"))
    assert api.patch(URL, texts).json == answer.json


def test_what_is_named_is_changed_and_the_rest_stays(api: Api, patterns: dict[str, tuple[int, int]]) -> None:
    before = api.get(URL).json
    change = {
        "otp_sms_pattern": patterns["sms"][0],
        "otp_email_pattern": patterns["email"][0],
        "otp_sms_text": "{code} – {minutes}",
        "otp_email_subject": "Your code is {code}",
        "otp_resend_cooldown": 0,
    }
    answer = api.patch(URL, {**change, "otp_max_per_hour": "1000"})
    assert (answer.status, answer.json) == (200, {**before, **change, "otp_max_per_hour": 1000})
    assert api.get(URL).json == answer.json
    for name in PATTERNS:
        assert api.patch(URL, {name: None}).json[name] is None


def most(number: int) -> str:
    return f"Ensure this value is less than or equal to {number}."


def least(number: int) -> str:
    return f"Ensure this value is greater than or equal to {number}."


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("otp_sms_pattern", 99, 'Invalid pk "99" - object does not exist.'),
        ("otp_sms_pattern", "x", "Incorrect type. Expected pk value, received str."),
        ("otp_email_pattern", 99, 'Invalid pk "99" - object does not exist.'),
        ("otp_email_pattern", True, "Incorrect type. Expected pk value, received bool."),
        ("otp_sms_text", "", "This field may not be blank."),
        ("otp_sms_text", None, "This field may not be null."),
        ("otp_sms_text", "Hello", "{code} is missing."),
        ("otp_sms_text", "{code} {name}", "{name} is not known here: use {code} and {minutes}."),
        ("otp_sms_text", "{code} {0}", "{0} is not known here: use {code} and {minutes}."),
        ("otp_sms_text", "• {code}", "The character • is not allowed: it stands for the code's digits."),
        ("otp_sms_text", "{code}" + "x" * 10_000, "Ensure this field has no more than 10000 characters."),
        ("otp_email_text", "{minutes}", "{code} is missing."),
        ("otp_email_text", "{ code }", "{ code } is not known here: use {code} and {minutes}."),
        ("otp_email_subject", "a\nBcc: b@example.com", "Line ends and control characters are not allowed."),
        ("otp_email_subject", "a\u2028b", "Line ends and control characters are not allowed."),
        ("otp_email_subject", "s" * 256, "Ensure this field has no more than 255 characters."),
        ("otp_max_attempts", 0, least(1)),
        ("otp_max_attempts", 21, most(20)),
        ("otp_resend_cooldown", -1, least(0)),
        ("otp_resend_cooldown", 3601, most(3600)),
        ("otp_max_per_hour", 0, least(1)),
        ("otp_max_per_hour", 1001, most(1000)),
        ("otp_max_per_client_hour", 0, least(1)),
        ("otp_max_per_client_hour", 10_001, most(10_000)),
    ],
)
def test_a_wrong_value_is_refused(api: Api, field: str, value: Any, words: str) -> None:
    before = api.get(URL).json
    answer = api.patch(URL, {"otp_max_attempts": 7, field: value})
    assert answer.status == 400
    assert answer.json[field][0] == words
    assert api.get(URL).json == before


@pytest.mark.parametrize("channel", CHANNELS)
def test_the_pattern_that_is_named_stays_and_so_does_its_notifier(
    api: Api, patterns: dict[str, tuple[int, int]], channel: str
) -> None:
    otp, notifier = patterns[channel]
    one = f"{NOTIFIERS}/{channel}/{notifier}"
    api.patch(URL, {f"otp_{channel}_pattern": otp})
    for url in (f"{one}/patterns/{otp}", one):
        answer = api.delete(url)
        assert (answer.status, answer.json) == (409, IN_USE)
    assert api.get(f"{one}/patterns/{otp}").status == 200
    api.patch(URL, {f"otp_{channel}_pattern": None})
    api.patch(GENERAL, {f"notifications_{channel}_notifier": notifier})
    answer = api.delete(one)
    assert (answer.status, answer.json) == (409, DEFAULT)
    assert api.delete(f"{one}/patterns/{otp}").status == 204
    api.patch(GENERAL, {f"notifications_{channel}_notifier": None})
    assert api.delete(one).status == 204


@pytest.mark.parametrize("channel", CHANNELS)
def test_other_patterns_and_notifiers_can_go(
    api: Api, app: Flask, patterns: dict[str, tuple[int, int]], channel: str
) -> None:
    for name, (named, _) in patterns.items():
        api.patch(URL, {f"otp_{name}_pattern": named})
    _, notifier = patterns[channel]
    with app.app_context():
        other = FACTORIES[channel]()
        beside = FACTORIES[channel](notifier_id=notifier)
    assert api.delete(f"{NOTIFIERS}/{channel}/{notifier}/patterns/{beside.id}").status == 204
    assert api.delete(f"{NOTIFIERS}/{channel}/{other.notifier_id}").status == 204


def test_reading_takes_one_statement_beside_that_for_the_token(api: Api, queries: Queries) -> None:
    api.get(URL)
    with queries as statements:
        api.get(URL)
    assert len(statements) == 2
