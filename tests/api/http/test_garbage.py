"""Whatever is sent to whatever endpoint, the error that answers it is small."""

import json
import time
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from notifyhub.api.endpoint import declarations
from tests.messages.accounts import MESSAGES
from tests.support.clients import Api
from tests.support.environment import on_sqlite

pytestmark = on_sqlite

MOST_ERRORS, MOST_QUOTED, MOST_WORDS = 100, 100, 1000
LONG = "ب" * 5_000

KEYS = st.sampled_from(
    [
        *("to", "args", "channel", "pattern", "notifier", "text", "metadata", "attachments", "send_at"),
        *("messages", "common", "recipients", "purpose", "origin", "fallback", "code", "id", "url", "events"),
        *("name", "backend", "settings", "from_email", "port", "status", "sms_backup_notifiers"),
        *("retry_delays", "otp_sms_text", "otp_sms_pattern", "otp_email_pattern"),
        "notifications_sms_notifier",
        *("x", LONG, '"' + LONG, ""),
    ]
)
SCALARS = st.sampled_from(
    [
        *(None, True, 0, -1, 1.5, 2**63 - 1, "", "sms", "email", "09121234567", "a@example.com"),
        *(
            LONG,
            f"{LONG}@example.com",
            f"https://{LONG}",
            f"{{{LONG}}} {{code}}",
            "9" * 5_000,
            f'"{LONG}"',
            " " * 5_000,
        ),
    ]
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(KEYS, inner, max_size=5),
    ),
    max_leaves=8,
)
REPEATED = st.builds(lambda value, times: [value] * times, VALUES, st.sampled_from([101, 300]))
BODIES = st.dictionaries(KEYS, st.one_of(VALUES, REPEATED), max_size=8)
MANY_KEYS = {f"{n}{LONG[:200]}": n for n in range(300)}


def writers(app: Flask) -> list[tuple[str, str]]:
    """Return the method and the URL of every operation that takes a body or parameters."""
    declared = declarations(app)
    found = []
    for rule in app.url_map.iter_rules():
        url = rule.rule
        for argument in rule.arguments:
            url = url.replace(f"<id:{argument}>", "1")
        if declared[rule.endpoint].body or declared[rule.endpoint].query:
            found += [(method, url) for method in (rule.methods or set()) & {"GET", "POST", "PATCH"}]
    return sorted(found)


def leaves(errors: Any) -> list[str]:
    if isinstance(errors, dict):
        assert all(len(key) <= MOST_QUOTED for key in errors)
        return [words for inner in errors.values() for words in leaves(inner)]
    return errors if isinstance(errors, list) else [errors]


def check_small(answer: Any) -> None:
    assert answer.status < 500
    if answer.status >= 400:
        told = leaves(answer.json)
        assert 0 < len(told) <= MOST_ERRORS
        for words in told:
            assert len(words) <= MOST_WORDS
            assert words.rfind('"') - words.find('"') - 1 <= MOST_QUOTED


@given(data=st.data())
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_an_error_tells_at_most_100_things_and_quotes_at_most_100_characters(
    app: Flask, api: Api, data: st.DataObject
) -> None:
    method, url = data.draw(st.sampled_from(writers(app)))
    if method == "GET":
        names = st.sampled_from(
            ["ordering", "status", "to", "limit", "created_from", "search", LONG, "event"]
        )
        values = st.sampled_from([LONG, "x", f'"{LONG}"', f"{LONG},x", "9" * 5_000])
        check_small(api.get(url, query_string=data.draw(st.dictionaries(names, values))))
    else:
        check_small(api.call(method, url, data.draw(BODIES)))


@pytest.mark.parametrize("body", [MANY_KEYS, {"channel": LONG} | MANY_KEYS, {"to": MANY_KEYS}], ids=[0, 1, 2])
def test_many_unknown_keys_are_a_small_error_everywhere(app: Flask, api: Api, body: dict[str, Any]) -> None:
    for method, url in writers(app):
        if method != "GET":
            check_small(api.call(method, url, body))


TEN_MIB = 10 * 1024 * 1024
LARGE: dict[str, Any] = {
    "objects in args": {
        "channel": "sms",
        "to": "09121234567",
        "pattern": 1,
        "args": [{}] * (TEN_MIB // 4 - 50),
    },
    "a long choice": {"channel": "x" * (TEN_MIB - 50)},
    "a list for a choice": {"channel": [1] * (TEN_MIB // 4)},
    "a list for an id": {"channel": "sms", "to": "09121234567", "pattern": [1] * (TEN_MIB // 4)},
    "a long key": {"x" * (TEN_MIB - 50): 1},
    "a long address": {"channel": "email", "to": "a@" * (TEN_MIB // 2 - 50)},
    "a long sender": {"channel": "email", "to": "a@example.com", "reply_to": "<a@," * (TEN_MIB // 4 - 50)},
    "keys": {"channel": "sms", "metadata": {f"{n}": 0 for n in range(TEN_MIB // 11)}},
    "blanks": {"channel": "sms", "to": "09121234567", "text": " " * (TEN_MIB - 100)},
}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name == "keys" else name for name in LARGE]
)
def test_a_large_body_is_refused_quickly_by_a_small_error(api: Api, name: str) -> None:
    data = json.dumps(LARGE[name], separators=(",", ":")).encode()
    assert TEN_MIB * 0.4 < len(data) <= TEN_MIB
    began = time.process_time()
    answer = api.post(MESSAGES, data=data, content_type="application/json")
    assert time.process_time() - began < 5  # of the processor, on a slow machine
    assert answer.status == 400
    assert len(answer.response.data) < 1000
    check_small(answer)


def test_of_a_thousand_wrong_entries_a_hundred_errors_are_told(api: Api) -> None:
    for body in (
        {"messages": [{"channel": "sms"}] * 1000},
        {"messages": [{f"{n}{m}": 1 for m in range(300)} for n in range(1000)]},
        {"common": {"channel": "sms", "text": "x"}, "recipients": [{"text": "x"}] * 1000},
    ):
        answer = api.post(f"{MESSAGES}/bulk", body)
        assert answer.status == 400
        assert len(leaves(answer.json)) == MOST_ERRORS
