"""Asking for codes: what is answered, what is sent, how often, and what is refused."""

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from flask import Flask

from notifyhub.messages.models import MessageStatus
from notifyhub.otp.models import OTPStatus
from notifyhub.text.segments import measure
from tests.messages.accounts import Accounts
from tests.otp.codes import NUMBER, URL, Codes, wrong
from tests.support.clients import Api
from tests.support.factories import SMSNotifierFactory, SMSPatternFactory
from tests.support.queries import Queries

CLIENTS = 12


def test_a_request_is_answered_with_all_but_the_code(live: Codes, clock: time_machine.Traveller) -> None:
    answer = live.ask("0912 123 4567", purpose=" sign-up ")
    assert answer.status == 201
    (message,) = live.messages()
    assert list(answer.json.items()) == [
        ("id", answer.json["id"]),
        ("to", "+98912•••4567"),
        ("channel", "sms"),
        ("purpose", "sign-up"),
        ("status", "pending"),
        ("expires_at", "2025-03-01T12:02:00.000000Z"),
        ("resend_at", "2025-03-01T12:01:00.000000Z"),
        ("attempts_left", 5),
        ("message", message.id),
    ]
    assert live.show(answer.json["id"]) == answer.json
    assert (message.recipient, message.otp_id, message.is_test) == (NUMBER, answer.json["id"], False)
    assert message.expires_at == message.created_at + timedelta(seconds=120)


@pytest.mark.parametrize("length", [4, 10])
def test_a_test_token_is_told_the_code_which_has_the_length_of_the_settings(
    codes: Codes, length: int
) -> None:
    codes.settings(otp_code_len=length)
    made = codes.issued()
    code = made.pop("code")
    assert code.isdecimal()
    assert code.isascii()
    assert len(code) == length
    assert codes.show(made["id"]) == made


def test_from_resend_at_on_the_same_code_is_sent_again_and_wrong_guesses_still_count(
    codes: Codes, clock: time_machine.Traveller
) -> None:
    made = codes.issued()
    assert codes.guess(wrong(made["code"]))["attempts_left"] == 4
    codes.settings(otp_code_len=8, otp_ttl=300)
    clock.shift(60)
    again = codes.ask("00989121234567", channel="sms")
    assert again.status == 200
    assert again.json == {
        **made,
        "attempts_left": 4,
        "expires_at": "2025-03-01T12:06:00.000000Z",
        "resend_at": "2025-03-01T12:02:00.000000Z",
        "message": again.json["message"],
    }
    assert again.json["message"] > made["message"]
    assert "•" * 5 in (codes.message(again.json["message"]).text or "")
    clock.shift(200)  # it would have expired
    assert codes.guess(made["code"])["verified"]


@pytest.mark.parametrize("ending", ["verified", "expired", "cancelled", "blocked"])
def test_after_its_end_the_next_request_starts_anew(
    codes: Codes, clock: time_machine.Traveller, ending: str
) -> None:
    codes.settings(resend_cooldown=0, max_attempts=1)
    made = codes.issued()
    if ending == "expired":
        clock.shift(120)
    elif ending == "cancelled":
        codes.cancel(made["id"])
    else:
        codes.guess(made["code"] if ending == "verified" else wrong(made["code"]))
    assert codes.show(made["id"])["status"] == ending
    anew = codes.issued()
    assert anew["id"] > made["id"]
    assert (anew["status"], anew["attempts_left"]) == ("pending", 1)
    assert codes.row(made["id"]).status == ending
    assert codes.guess(anew["code"])["verified"]


@pytest.mark.parametrize("over", [False, True])
def test_before_resend_at_a_request_has_to_wait(
    codes: Codes, clock: time_machine.Traveller, over: bool
) -> None:
    made = codes.issued()
    if over:
        codes.guess(made["code"])
    clock.shift(0.5)
    for spelling in ("09121234567", "+98 912 123-4567", "۰۹۱۲۱۲۳۴۵۶۷"):
        answer = codes.ask(spelling)
        assert answer.status == 429
        assert answer.json == {"detail": "Request was throttled. Expected available in 60 seconds."}
        assert answer.headers["Retry-After"] == "60"
    assert codes.ask(purpose="sign-up").status == 201
    assert codes.ask("09121234568").status == 201
    clock.shift(59.5)
    assert codes.ask().status == (201 if over else 200)


def test_the_hourly_limit_counts_all_purposes_and_resends(
    codes: Codes, live: Codes, clock: time_machine.Traveller
) -> None:
    codes.settings(max_per_hour=3, resend_cooldown=0, otp_ttl=600)
    codes.issued("09121234567")
    clock.shift(100)
    assert codes.ask("9121234567").status == 200
    clock.shift(100)
    codes.issued("989121234567", purpose="sign-up")
    clock.shift(100)
    for purpose in ("login", "sign-up", "another"):
        answer = codes.ask(purpose=purpose)
        assert (answer.status, answer.headers["Retry-After"]) == (429, "3300")
    assert codes.ask("09121234568").status == 201
    assert live.ask().status == 201  # test tokens' codes are apart
    clock.shift(3299)
    assert codes.ask().headers["Retry-After"] == "1"
    clock.shift(1)
    assert codes.ask().status == 201
    assert codes.ask().headers["Retry-After"] == "100"


def test_addresses_are_one_recipient_whatever_their_case(codes: Codes) -> None:
    made = codes.issued("Customer@Example.COM", channel="email")
    assert made["to"] == "c•••@example.com"
    assert codes.message(made["message"]).recipient == "customer@example.com"
    assert codes.ask("customer@example.com", channel="email").status == 429
    assert codes.guess(made["code"], "CUSTOMER@example.com")["verified"]


def test_of_requests_that_arrive_together_one_makes_the_code(app: Flask, codes: Codes) -> None:
    codes.settings(resend_cooldown=0, max_per_hour=6)
    answers = together(app, codes, CLIENTS)
    assert Counter(answer.status for answer in answers) == {201: 1, 200: 5, 429: CLIENTS - 6}
    assert len({answer.json["code"] for answer in answers if answer.status < 300}) == 1
    assert len(codes.messages()) == 6


def together(app: Flask, codes: Codes, count: int) -> list[Any]:
    start = threading.Barrier(count)

    def ask(client: Api) -> Any:
        start.wait(30)
        return client.post(URL, {"to": NUMBER})

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(ask, [Api(app.test_client(), codes.api.token) for _ in range(count)]))


def test_a_message_that_nobody_has_taken_up_is_cancelled_when_the_code_is_sent_again(codes: Codes) -> None:
    codes.settings(resend_cooldown=0)
    waiting = codes.issued()["message"]
    taken_up = codes.ask().json["message"]
    codes.deliver(taken_up)
    codes.ask()
    statuses = [codes.message(one).status for one in (waiting, taken_up)]
    assert statuses == [MessageStatus.CANCELLED, MessageStatus.SENT]


def test_the_latest_request_counts(codes: Codes, clock: time_machine.Traveller) -> None:
    made = codes.issued(origin="example.com", fallback={"channel": "email", "to": "a@example.com"})
    clock.shift(60)
    codes.ask()
    row = codes.row(made["id"])
    assert (row.origin, row.fallback_channel, row.fallback_to) == (None, None, None)


def test_a_number_of_statements_serves_each_kind_of_request(
    codes: Codes, queries: Queries, clock: time_machine.Traveller
) -> None:
    codes.api.get("/api/me")  # the use of a token is written once a minute
    codes.settings(resend_cooldown=0)
    clock.shift(1)
    for wait, status, count in ((0, 201, 5), (1, 200, 6), (200, 201, 6)):
        clock.shift(wait)
        codes.api.get("/api/me")
        with queries as sent:
            assert codes.ask().status == status
        assert len(sent) == count, sent


# What is sent


@pytest.mark.parametrize(
    ("values", "origin", "ttl", "text"),
    [
        ({}, None, 120, "کد تأیید شما: •••••\nتا 2 دقیقه معتبر است."),
        ({"sms_text": "{code}"}, None, 120, "•••••"),
        ({"sms_text": "{code} {minutes} {code}"}, None, 121, "••••• 3 •••••"),
        ({"sms_text": "{minutes}: {code}"}, None, 10, "1: •••••"),
        ({"sms_text": "{code}"}, "https://example.com", 120, "•••••\n@example.com #•••••"),
        ({"sms_text": "50% {code} {"}, "shop.example.com", 120, "50% ••••• {\n@shop.example.com #•••••"),
    ],
)
def test_the_text_of_an_sms_is_that_of_the_settings(
    codes: Codes, values: dict[str, Any], origin: str | None, ttl: int, text: str
) -> None:
    codes.settings(otp_ttl=ttl, **values)
    message = codes.message(codes.issued(origin=origin)["message"])
    assert (message.text, message.args, message.pattern_id) == (text, None, None)
    assert (message.encoding, message.segments) == tuple(measure(text.replace("•", "1")))


def test_a_pattern_takes_the_code_as_its_argument(codes: Codes, accounts: Accounts) -> None:
    codes.settings(sms_pattern_id=accounts.pattern, otp_code_len=6)
    message = codes.message(codes.issued(origin="https://example.com")["message"])
    assert (message.pattern_id, message.args) == (accounts.pattern, ["••••••"])
    assert (message.text, message.encoding) == ("Your login code is ••••••", "gsm7")


def test_a_patterns_own_notifier_sends_it(codes: Codes) -> None:
    with codes.app.app_context():
        other = SMSNotifierFactory().id
        pattern = SMSPatternFactory(notifier_id=other, status="approved", body="کد %code%").id
    codes.settings(sms_pattern_id=pattern, sms_notifier_id=None)
    message = codes.message(codes.issued()["message"])
    assert (message.notifier_id, message.text) == (other, "کد •••••")


def test_an_email_has_the_subject_and_text_of_the_settings(codes: Codes) -> None:
    codes.settings(email_subject="{code} for {minutes} min", email_text="It is {code}.")
    message = codes.message(codes.issued("a@example.com", channel="email")["message"])
    assert (message.subject, message.text, message.html) == ("••••• for 2 min", "It is •••••.", None)


# What is refused

BAD_NUMBER = "Enter an Iranian mobile number such as 09121234567, or a number with + and its country code."
BAD_ADDRESS = "Enter a valid email address."
REQUIRED, NULL = "This field is required.", "This field may not be null."
EMAIL_FALLBACK = {"channel": "email", "to": "a@example.com"}


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({}, {"to": [REQUIRED]}),
        ({"to": None}, {"to": [NULL]}),
        ({"to": "1234"}, {"to": [BAD_NUMBER]}),
        ({"to": "a@example.com"}, {"to": [BAD_NUMBER]}),
        ({"to": NUMBER, "channel": "email"}, {"to": [BAD_ADDRESS]}),
        ({"to": "a@example.com\r\nBcc: b@example.com", "channel": "email"}, None),
        ({"to": NUMBER, "channel": "pigeon"}, {"channel": ['"pigeon" is not a valid choice.']}),
        ({"to": NUMBER, "purpose": ""}, {"purpose": ["This field may not be blank."]}),
        (
            {"to": NUMBER, "purpose": "p" * 65},
            {"purpose": ["Ensure this field has no more than 64 characters."]},
        ),
        ({"to": NUMBER, "origin": "http://example.com"}, None),
        (
            {"to": NUMBER, "fallback": {"channel": "sms", "to": "09121234568"}},
            {"fallback": {"channel": ["Choose another channel than that of the first message."]}},
        ),
        (
            {"to": NUMBER, "fallback": {"channel": "email", "to": "09121234568"}},
            {"fallback": {"to": [BAD_ADDRESS]}},
        ),
        ({"to": NUMBER, "fallback": {}}, {"fallback": {"channel": [REQUIRED], "to": [REQUIRED]}}),
    ],
)
def test_a_wrong_request_is_refused_before_anything_is_stored(
    codes: Codes, body: dict[str, Any], errors: dict[str, Any] | None
) -> None:
    answer = codes.api.post(URL, body)
    assert answer.status == 400
    if errors is not None:
        assert answer.json == errors
    assert codes.messages() == []


@pytest.mark.parametrize(
    ("values", "more", "blamed"),
    [
        ({"sms_notifier_id": None}, {}, ["`notifications_sms_notifier` at /api/settings/notifications"]),
        (
            {"email_notifier_id": None},
            {"to": "a@example.com", "channel": "email"},
            ["`notifications_email_notifier` at /api/settings/notifications"],
        ),
        ({"sms_pattern_id": "not yet {0}"}, {}, ["`otp_sms_pattern` at /api/settings/otp", "not approved"]),
        ({"sms_pattern_id": "{0} {1}"}, {}, ["`otp_sms_pattern` at /api/settings/otp", "needed: 2"]),
        ({"sms_pattern_id": "none"}, {}, ["`otp_sms_pattern` at /api/settings/otp", "needed: none"]),
        ({"sms_pattern_id": "••• {0}"}, {}, ["`otp_sms_pattern` at /api/settings/otp", "holds •"]),
    ],
)
def test_settings_that_no_code_can_be_sent_with_are_blamed_by_name(
    codes: Codes, accounts: Accounts, values: dict[str, Any], more: dict[str, Any], blamed: list[str]
) -> None:
    if body := values.get("sms_pattern_id"):
        with codes.app.app_context():
            status = "created" if body == "not yet {0}" else "approved"
            values = {
                "sms_pattern_id": SMSPatternFactory(notifier_id=accounts.sms, status=status, body=body).id
            }
    codes.settings(**values)
    answer = codes.api.post(URL, {"to": NUMBER, **more})
    assert answer.status == 400
    ((field, (words,)),) = answer.json.items()
    assert field == "channel"
    assert words.startswith("Set ")
    assert all(part in words for part in blamed)
    assert codes.messages() == []


def test_a_fallback_that_could_not_be_sent_is_refused(codes: Codes) -> None:
    codes.settings(email_notifier_id=None)
    answer = codes.ask(fallback=EMAIL_FALLBACK)
    assert answer.status == 400
    assert list(answer.json) == ["fallback"]
    assert "notifications_email_notifier" in answer.json["fallback"]["channel"][0]


def test_test_tokens_and_others_do_not_see_each_others_codes(codes: Codes, live: Codes) -> None:
    made = codes.issued()
    assert live.ask().status == 201
    for path, method in ((f"{URL}/{made['id']}", "GET"), (f"{URL}/{made['id']}/cancel", "POST")):
        answer = live.api.call(method, path)
        assert (answer.status, answer.json) == (404, {"detail": "Not found."})
    assert live.guess(made["code"], id=made["id"])["reason"] == "not_found"
    assert codes.guess(made["code"])["verified"]


@pytest.mark.parametrize("code", [7821, 7822, 7823, 7824])
def test_staff_need_the_code_of_the_operation(codes: Codes, staff: Callable[..., Api], code: int) -> None:
    made = codes.issued()
    calls: dict[int, tuple[str, str, Any]] = {
        7821: ("POST", URL, {"to": "09121234568"}),
        7822: ("GET", f"{URL}/{made['id']}", None),
        7823: ("POST", f"{URL}/verify", {"id": made["id"], "code": "1"}),
        7824: ("POST", f"{URL}/{made['id']}/cancel", None),
    }
    assert staff(*(calls.keys() - {code})).call(*calls[code]).status == 403
    assert staff(code).call(*calls[code]).status in {200, 201, 404}


def test_cancelling_ends_a_pending_one_only(codes: Codes) -> None:
    made = codes.issued()
    del made["code"]
    answer = codes.cancel(made["id"])
    assert (answer.status, answer.json) == (200, {**made, "status": OTPStatus.CANCELLED})
    answer = codes.cancel(made["id"])
    words = "This one-time password is cancelled: only one that is pending can be cancelled."
    assert (answer.status, answer.json) == (409, {"detail": words})
