"""Recipients in all their spellings: as they are stored, refused and looked for."""

from typing import Any
from urllib.parse import quote

import pytest

from tests.messages.accounts import DELIVERY, MESSAGES, Accounts
from tests.messages.bodies import email, sms
from tests.support.clients import Api

NOTIFIERS = "/api/notifications/notifiers/email"


@pytest.mark.parametrize(
    ("to", "e164"),
    [
        ("09121234567\t", "+989121234567"),
        ("09121234567\r\n", "+989121234567"),
        ("tel:+989121234567", "+989121234567"),
        ("'09121234567", "+989121234567"),
        ("＋989121234567", "+989121234567"),
        ("989121234567+", "+989121234567"),
        (9121234567, "+989121234567"),
    ],
)
def test_a_spelling_is_stored_as_the_number(api: Api, accounts: Accounts, to: Any, e164: str) -> None:
    assert api.post(MESSAGES, sms(to=to)).json["to"] == e164


@pytest.mark.parametrize("to", ["912123456.0", 912123456.0, 9121234567.0, 9121234567.5, 1e22])
def test_a_number_with_a_fraction_or_exponent_is_nobodys(api: Api, accounts: Accounts, to: Any) -> None:
    answer = api.post(MESSAGES, sms(to=to))
    assert (answer.status, list(answer.json)) == (400, ["to"])


@pytest.mark.parametrize("to", ["02112345678", "021-88776655", "+98 21 8877 6655"])
def test_a_landline_is_refused_as_one(api: Api, accounts: Accounts, to: str) -> None:
    answer = api.post(MESSAGES, sms(to=to))
    words = "This is an Iranian landline, and messages go to mobiles: enter a number such as 09121234567."
    assert (answer.status, answer.json) == (400, {"to": [words]})


def test_an_address_is_stored_in_its_one_form_wherever_it_stands(api: Api, accounts: Accounts) -> None:
    made = api.post(MESSAGES, email(to=" user@straße.de\r\n", reply_to="Help <Help@Straße.de>")).json
    assert made["to"] == "user@xn--strae-oqa.de"
    notifier = api.patch(f"{NOTIFIERS}/{accounts.email}", {"from_email": "Info <Info@Straße.de>"}).json
    assert notifier["from_email"] == "Info <Info@xn--strae-oqa.de>"


@pytest.mark.parametrize(
    "address", ["a@gm\u200bail.com", "=?utf-8?q?a?=@b.ir", "a@i\u2764.ws", "a@[192.0.2.1]"]
)
def test_what_can_not_be_sent_to_is_refused_wherever_it_stands(
    api: Api, accounts: Accounts, address: str
) -> None:
    named = f"N <{address}>"
    for method, path, body in (
        ("POST", MESSAGES, email(to=address)),
        ("POST", MESSAGES, email(reply_to=named)),
        ("PATCH", f"{NOTIFIERS}/{accounts.email}", {"from_email": named}),
        ("POST", "/api/notifications/otp", {"to": address, "channel": "email"}),
        ("POST", "/api/notifications/otp/verify", {"to": address, "code": "1"}),
    ):
        assert api.call(method, path, body).status == 400, path


@pytest.mark.parametrize(
    ("to", "found"),
    [
        (quote("+447400123456"), 0),
        ("+447400123456", 0),
        (quote(" +447400123456"), 0),
        (quote("0044 7400 123456"), 0),
        ("+989121234567", 1),
        (quote("۰۹۱۲ ۱۲۳ ۴۵۶۷"), 1),
        (quote(" 9121234567"), 1),
        (quote("user@straße.de"), 2),
        (quote("user@STRAẞE.de"), 2),
        ("user@xn--strae-oqa.de", 2),
    ],
)
def test_the_list_finds_a_recipient_by_any_spelling(
    api: Api, accounts: Accounts, to: str, found: int
) -> None:
    api.patch(DELIVERY, {"sms_countries": []})
    bodies = (sms(to="+447400123456"), sms(), email(to="user@straße.de"))
    made = [api.post(MESSAGES, body).json["id"] for body in bodies]
    assert [row["id"] for row in api.get(f"{MESSAGES}?to={to}").json["results"]] == [made[found]]
