"""Codes as users paste them, attackers ask for them and networks lose them."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.live import Live
from tests.support.service import until

OTP = "notifications/otp"
VERIFY = f"{OTP}/verify"


@pytest.fixture
def bare_codes(live: Live) -> Iterator[None]:
    before = live.call("GET", "settings/otp")[1]
    change = {"otp_resend_cooldown": 0, "otp_sms_text": "{code}", "otp_email_text": "{code}"}
    assert live.call("PATCH", "settings/otp", change)[0] == 200
    yield
    assert live.call("PATCH", "settings/otp", before)[0] == 200


def code_at(live: Live, number: str) -> str:
    """Return the digits that the provider was given for a number."""
    (sent,) = until(lambda: live.melipayamak.journal.messages(number), f"a code for {number}")
    return "".join(filter(str.isdigit, sent.text))


@pytest.mark.usefixtures("bare_codes")
@pytest.mark.parametrize(
    ("number", "paste"),
    [
        ("09121240001", "\u200f{}\u200f"),
        ("09121240002", "\u2066{}\u2069"),
        ("09121240003", "{}\ufeff"),
        ("09121240004", "\u200c{}\u00a0"),
    ],
)
def test_a_pasted_code_verifies(live: Live, number: str, paste: str) -> None:
    live.make(OTP, {"to": number})
    status, verdict = live.call("POST", VERIFY, {"to": number, "code": paste.format(code_at(live, number))})
    assert (status, verdict) == (200, {"verified": True, "reason": None, "attempts_left": 5})


@pytest.mark.usefixtures("bare_codes")
def test_a_code_is_good_for_its_own_purpose_alone(live: Live) -> None:
    made = live.make(OTP, {"to": "09121240005"})
    guess = {"id": made["id"], "code": code_at(live, "09121240005")}
    answer = live.call("POST", VERIFY, {**guess, "purpose": "transfer-money"})
    assert answer == (200, {"verified": False, "reason": "not_found", "attempts_left": 0})
    assert live.call("POST", VERIFY, {**guess, "to": "09121240006"})[1]["reason"] == "not_found"
    assert live.call("POST", VERIFY, {**guess, "purpose": "login", "to": "0912 124 0005"})[1]["verified"]


def test_one_mailbox_gets_one_code_however_it_is_spelt(live: Live) -> None:
    def ask(to: str) -> int:
        return live.call("POST", OTP, {"to": to, "channel": "email"})[0]

    assert ask("victim@gmail.com") == 201
    spellings = ("Victim@ｇmail.com", "victim@g\u00admail.com", "victim@gm\u200bail.com", "victim@ⓖmail.com")
    assert [ask(to) for to in spellings] == [429, 400, 400, 429]
    assert [ask('"victim"@gmail.com'), ask("victim@gmail。com")] == [429, 429]


@pytest.mark.usefixtures("bare_codes")
def test_a_code_asked_for_at_one_spelling_verifies_at_another(live: Live) -> None:
    to = "customer@xn--mgba3gch31f060k.com"
    live.make(OTP, {"to": to, "channel": "email"})
    (mail,) = until(lambda: live.smtp.journal.messages(to), "the mail with the code")
    guess = {"to": "Customer@نامه\u200cای.com", "code": re.findall("[0-9]{5}", mail.text)[-1]}
    assert live.call("POST", VERIFY, guess)[1]["verified"]


@pytest.mark.usefixtures("bare_codes")
def test_a_mail_is_worded_by_the_pattern_that_the_settings_name(live: Live) -> None:
    pattern = {
        "name": "login",
        "from_email": "Shop <login@example.com>",
        "subject": "{0} is your code",
        "body_text": "It is {0}, for {1} minutes.",
        "body_html": "<b>{0}</b>",
    }
    url = f"notifications/notifiers/email/{live.email_notifier}/patterns"
    made = live.make(url, pattern)
    assert live.call("PATCH", "settings/otp", {"otp_email_pattern": made["id"]})[0] == 200
    assert live.call("DELETE", f"{url}/{made['id']}")[0] == 409
    to = "customer@login.example.com"
    live.make(OTP, {"to": to, "channel": "email"})
    (mail,) = until(lambda: live.smtp.journal.messages(to), "the mail with the code")
    (code,) = set(re.findall("[0-9]{5}", mail.text))
    assert mail.text.strip() == f"{code} is your code\nIt is {code}, for 2 minutes."
    assert f"<b>{code}</b>".encode() in mail.content
    assert mail.sender == "login@example.com"
    assert live.call("POST", VERIFY, {"to": to, "code": code})[1]["verified"]


@pytest.mark.usefixtures("bare_codes")
def test_one_client_can_not_have_codes_sent_to_the_whole_world(live: Live) -> None:
    assert live.call("PATCH", "settings/otp", {"otp_max_per_client_hour": 3})[0] == 200
    answers = [live.call("POST", OTP, {"to": f"0912125{n:04}", "client": "203.0.113.7"}) for n in range(5)]
    assert [status for status, _ in answers] == [201, 201, 201, 429, 429]
    assert "throttled" in answers[-1][1]["detail"]
    assert live.call("POST", OTP, {"to": "09121250009", "client": "203.0.113.8"})[0] == 201


def test_a_lost_answer_can_be_had_again(live: Live) -> None:
    def ask(**more: Any) -> tuple[int, Any]:
        body = {"to": "09121240007", **more}
        return live.call("POST", OTP, body, **{"Idempotency-Key": "a lost answer"})

    first = ask()
    assert first[0] == 201
    assert ask() == first
    assert ask(purpose="sign-up")[0] == 422
    assert live.call("POST", OTP, {"to": "09121240007"})[0] == 429
