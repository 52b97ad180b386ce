"""The countries whose numbers texts go to."""

from typing import Any

import pytest
from flask import Flask

from tests.messages.accounts import DELIVERY, MESSAGES, Accounts
from tests.messages.bodies import by_pattern, email, sms, stored
from tests.support.clients import Api
from tests.support.queries import Queries

BRITISH, AMERICAN, CANADIAN = "+447400123456", "+16502530000", "+15062345678"
OTP = "/api/notifications/otp"


def refused(country: str) -> dict[str, Any]:
    return {
        "to": [f"`sms_countries` at /api/settings/delivery does not name {country}, this number's country."]
    }


@pytest.mark.parametrize("path", [MESSAGES, f"{MESSAGES}/preview"])
def test_at_first_texts_go_to_iran_alone(api: Api, app: Flask, accounts: Accounts, path: str) -> None:
    for body in (
        sms(to=BRITISH),
        sms(to=BRITISH, notifier=accounts.sms),
        by_pattern(accounts.pattern, to=BRITISH),
    ):
        answer = api.post(path, body)
        assert (answer.status, answer.json) == (400, refused("GB"))
    assert stored(app) == 0
    assert api.post(path, sms()).status < 300


@pytest.mark.parametrize(
    ("countries", "taken"),
    [
        (["IR"], set()),
        ([], {BRITISH, AMERICAN, CANADIAN}),
        (["IR", "GB"], {BRITISH}),
        (["US"], {AMERICAN}),
        (["CA", "GB"], {CANADIAN, BRITISH}),
    ],
)
def test_numbers_are_taken_by_their_country(
    api: Api, accounts: Accounts, countries: list[str], taken: set[str]
) -> None:
    assert api.patch(DELIVERY, {"sms_countries": countries}).status == 200
    numbers = (BRITISH, AMERICAN, CANADIAN)
    assert {number for number in numbers if api.post(MESSAGES, sms(to=number)).status == 201} == taken
    assert (api.post(MESSAGES, sms()).status == 201) == (not countries or "IR" in countries)


@pytest.mark.parametrize("to", ["+19002345678", "+979123456789", "+449098790123", "+881612345678"])
def test_only_mobiles_are_sent_to_whatever_the_countries(api: Api, accounts: Accounts, to: str) -> None:
    api.patch(DELIVERY, {"sms_countries": []})
    for path, body in ((MESSAGES, sms(to=to)), (OTP, {"to": to})):
        answer = api.post(path, body)
        assert answer.status == 400
        assert answer.json == {"to": ["This is not a mobile number, and messages go to mobiles alone."]}


def test_in_bulk_each_recipient_is_told_of(api: Api, app: Flask, accounts: Accounts) -> None:
    body = {
        "common": {"channel": "sms", "text": "x"},
        "recipients": [{"to": "09121234567"}, {"to": BRITISH}, {"to": AMERICAN}],
    }
    answer = api.post(f"{MESSAGES}/bulk", body)
    assert (answer.status, answer.json) == (400, {"recipients": {"1": refused("GB"), "2": refused("US")}})
    mixed = {"messages": [email(), sms(to=BRITISH), sms()]}
    assert api.post(f"{MESSAGES}/bulk", mixed).json == {"messages": {"1": refused("GB")}}
    assert stored(app) == 0
    api.patch(DELIVERY, {"sms_countries": []})
    assert api.post(f"{MESSAGES}/bulk", body).status == 201


def test_codes_and_their_fallback_go_to_no_other_country(api: Api, app: Flask, accounts: Accounts) -> None:
    assert api.post(OTP, {"to": BRITISH}).json == refused("GB")
    fallback = {"to": "a@example.com", "channel": "email", "fallback": {"channel": "sms", "to": BRITISH}}
    assert api.post(OTP, fallback).json == {"fallback": refused("GB")}
    assert stored(app) == 0
    api.patch(DELIVERY, {"sms_countries": ["GB"]})
    assert api.post(OTP, {"to": BRITISH}).status == 201
    assert api.post(OTP, fallback).status == 201
    assert api.post(OTP, {"to": "09121234567"}).json == refused("IR")


def test_a_mail_goes_anywhere(api: Api, accounts: Accounts) -> None:
    api.patch(DELIVERY, {"sms_countries": ["AF"]})
    assert api.post(MESSAGES, email()).status == 201


def test_the_countries_take_no_further_statement(api: Api, accounts: Accounts, queries: Queries) -> None:
    api.patch(DELIVERY, {"sms_countries": ["GB"]})
    with queries as sent:
        assert api.post(MESSAGES, sms(to=BRITISH)).status == 201
    assert len(sent) == 3, sent
