"""Inputs that must not pass, or not pass as something else, through the public interface."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from tests.support.live import Live

MESSAGES = "notifications/messages"
UNKNOWN = ["Unknown field."]
SMS = {"channel": "sms", "to": "09121234567", "text": "Hello"}


def test_a_large_list_of_args_is_refused_by_a_small_error(live: Live) -> None:
    body = {"channel": "sms", "to": "09121234567", "pattern": 1, "args": [{}] * 2_000_000}
    refused = (400, {"args": ["Ensure this field has no more than 100 elements."]})
    assert live.call("POST", MESSAGES, body) == refused


def test_a_long_value_is_quoted_in_part(live: Live) -> None:
    status, told = live.call("POST", MESSAGES, SMS | {"channel": "x" * 9_000_000})
    assert (status, told) == (400, {"channel": [f'"{"x" * 99}…" is not a valid choice.']})


@pytest.mark.parametrize("args", [[""], ["  "]])
def test_an_empty_argument_is_refused(live: Live, args: list[str]) -> None:
    status, told = live.call("POST", MESSAGES, {**SMS, "pattern": 1, "args": args})
    assert (status, told) == (400, {"args": {"0": ["This field may not be blank."]}})


@pytest.mark.parametrize(
    "ending",
    [".1234567Z", ".123456789Z", "+00", " +0000", ",5Z"],
)
def test_moments_are_read_as_liberally_as_by_django(live: Live, ending: str) -> None:
    ahead = datetime.now(UTC) + timedelta(days=1)
    made = live.make(MESSAGES, SMS | {"send_at": ahead.strftime("%Y-%m-%dT10:00:00") + ending})
    assert made["send_at"].startswith(ahead.strftime("%Y-%m-%dT10:00:00."))
    assert live.call("POST", f"{MESSAGES}/{made['id']}/cancel")[0] == 200


def test_a_misspelt_key_is_refused_and_a_read_only_one_ignored(live: Live) -> None:
    assert live.call("POST", MESSAGES, SMS | {"sendAt": "x"}) == (400, {"sendAt": UNKNOWN})
    bulk = {"common": SMS | {"to": "09121234567"}, "recipients": [{"to": "09121234567"}]}
    assert live.call("POST", f"{MESSAGES}/bulk", bulk) == (400, {"common": {"to": UNKNOWN}})
    common = {name: value for name, value in SMS.items() if name != "to"}
    bulk = {"common": common, "recipients": [{"to": "09121234567", "text": "Other"}]}
    assert live.call("POST", f"{MESSAGES}/bulk", bulk) == (400, {"recipients": {"0": {"text": UNKNOWN}}})
    assert live.call("POST", f"{MESSAGES}/preview", SMS | {"id": 1, "created_at": "x"})[0] == 200


@pytest.mark.parametrize("path", [f"{MESSAGES}?stauts=failed", "notifications/webhooks?stauts=failed"])
def test_a_misspelt_parameter_is_refused(live: Live, path: str) -> None:
    assert live.call("GET", path) == (400, {"stauts": UNKNOWN})


def test_the_documented_resources_ignore_unknown_keys_and_parameters(live: Live) -> None:
    assert live.call("GET", "notifications/notifiers/sms?stauts=failed")[0] == 200
    assert live.call("PATCH", "settings/notifications", {"x": 1})[0] == 200
    for url in ("settings/delivery", "settings/otp"):
        assert live.call("PATCH", url, {"x": 1}) == (400, {"x": UNKNOWN})


def test_a_list_cuts_a_long_text(live: Live) -> None:
    mail = {"channel": "email", "to": "a@example.com", "subject": "Long", "text": "x" * 100_000}
    made = live.make(MESSAGES, mail | {"reference": "a long text"})
    (listed,) = live.call("GET", f"{MESSAGES}?reference=a+long+text")[1]["results"]
    assert listed["text"] == "x" * 499 + "…"
    assert live.ended(made["id"])["text"] == mail["text"]


def test_what_is_wrong_says_what_is_right(live: Live) -> None:
    status, told = live.call("POST", MESSAGES, SMS | {"to": ["09121234567"]})
    assert (status, "/api/notifications/messages/bulk" in told["to"][0]) == (400, True)
    status, told = live.call("POST", MESSAGES, json.dumps(SMS), **{"Content-Type": "text/plain"})
    assert (status, "application/json" in told["detail"]) == (415, True)
    status, told = live.call("POST", "settings/otp", SMS)
    assert status == 405
    status, told = live.call("PATCH", "settings/otp", {"x": "x" * 1024 * 1024})
    words = "Request body too large: at most 1048576 bytes are taken (NOTIFYHUB_MAX_BODY_BYTES)."
    assert (status, told) == (413, {"detail": words})
