"""The form that sends one message."""

from collections.abc import Callable
from typing import Any

import pytest
import time_machine
from flask import Flask

from notifyhub.extensions import db
from notifyhub.messages.models import Message, MessageStatus
from notifyhub.patterns.models import SMSPattern
from tests.messages.accounts import Accounts, make_accounts
from tests.support.console import Console
from tests.support.environment import slow_on_postgresql
from tests.support.factories import EmailPatternFactory, SMSNotifierFactory, SMSPatternFactory
from tests.support.queries import Queries

pytestmark = slow_on_postgresql

SEND, VIEW = 7811, 7812
TEXT, PATTERN = "/send?channel=sms&by=text", "/send?channel=sms&by=pattern"


@pytest.fixture
def accounts(app: Flask) -> Accounts:
    return make_accounts(app)


def messages(app: Flask) -> list[Message]:
    with app.app_context():
        return list(db.session.query(Message).order_by(Message.id))


def test_a_text_is_sent_and_followed(operator: Console, app: Flask, accounts: Accounts) -> None:
    values = {"to": "۰۹۱۲ ۱۲۳ ۴۵۶۷", "text": "سلام\r\nدنیا", "reference": "r"}
    page = operator.submit(TEXT, values, "/console" + TEXT)
    (message,) = messages(app)
    assert page.location == f"/console/messages/{message.id}"
    assert (message.recipient, message.text, message.reference) == ("+989121234567", "سلام\nدنیا", "r")
    assert (message.status, message.notifier_id) == (MessageStatus.QUEUED, accounts.sms)
    assert operator.follow(page).status == 200


def test_another_account_can_be_chosen(operator: Console, app: Flask, accounts: Accounts) -> None:
    page = operator.get(TEXT)
    options = [option["value"] for option in page.soup.select("[name=notifier] option")]
    assert options == ["", str(accounts.other_sms)]
    operator.post(TEXT, {"to": "09121234567", "text": "x", "notifier": accounts.other_sms})
    assert [message.notifier_id for message in messages(app)] == [accounts.other_sms]


def test_bad_input_is_said_at_its_fields_and_kept(operator: Console, app: Flask, accounts: Accounts) -> None:
    values = {"to": "021", "text": "", "send_at": "yesterday", "reference": "r"}
    page = operator.post(TEXT, values)
    assert page.status == 400
    assert set(page.errors) == {"text", "send_at"}  # what the request's schema finds; then what the rules do
    page = operator.post(TEXT, {**values, "text": "x", "send_at": "1405/01/01"})
    assert set(page.errors) == {"to", "send_at"}
    assert {name: page.form()[name] for name in ("to", "text", "reference")} == {
        "to": "021",
        "text": "x",
        "reference": "r",
    }
    assert messages(app) == []


def test_what_was_not_sent_is_not_called_unsaved(operator: Console, accounts: Accounts) -> None:
    page = operator.submit("/send", {"to": "x"})
    assert page.all("[role=alert] strong") == ["The message was not sent."]


def test_who_presses_twice_sends_once(operator: Console, app: Flask, accounts: Accounts) -> None:
    form = {**operator.get(TEXT).form(), "to": "09121234567", "text": "once"}
    first, second = operator.post(TEXT, form), operator.post(TEXT, form)
    assert first.location == second.location
    page = operator.post(TEXT, {**form, "text": "twice"})
    assert page.status == 409
    assert "sent already, with other contents" in page.text
    assert page.form()["key"] != form["key"]
    assert len(messages(app)) == 1
    operator.post(TEXT, page.form())
    assert [message.text for message in messages(app)] == ["once", "twice"]


@pytest.mark.parametrize(
    ("pattern", "values", "text"),
    [
        ("pattern", ["12345"], "Your login code is 12345"),
        ("two", ["5", "Sara"], "Sara owes 5"),
        ("named", ["سارا", "9"], "Dear سارا, 9 is yours, سارا"),
        ("fixed", [], "Welcome"),
    ],
)
def test_a_pattern_has_a_field_for_each_placeholder(
    operator: Console, app: Flask, accounts: Accounts, pattern: str, values: list[str], text: str
) -> None:
    chosen = {"to": "09121234567", "pattern": str(getattr(accounts, pattern))}
    page = operator.post(PATTERN, {**chosen, "choose": "1"})
    assert (page.status, page.form()["to"]) == (200, "09121234567")
    fields = [str(field["name"]) for field in page.soup.select("#values [name]")]
    assert len(fields) == len(values)
    sent = operator.post(PATTERN, {**page.form(), **dict(zip(fields, values, strict=True))})
    assert sent.status == 302
    assert [message.text for message in messages(app)] == [text]


def test_a_pattern_is_sent_from_its_own_page_though_a_thousand_come_before_it(
    operator: Console, app: Flask, accounts: Accounts
) -> None:
    with app.app_context():
        notifier = SMSNotifierFactory(name="A").id
        for number in range(1000):
            SMSPatternFactory(notifier_id=notifier, status="approved", name=f"before {number}")
    page = operator.get(PATTERN)
    assert f'value="{accounts.two}"' not in page.html
    assert "The first 1,000 are offered." in page.text
    with app.app_context():
        owner = db.session.get_one(SMSPattern, accounts.two).notifier_id
    page = operator.get(f"/accounts/sms/{owner}/patterns/{accounts.two}")
    link = page.soup.select_one(".actions a[href^='/console/send?']")
    assert link is not None
    page = operator.get(str(link["href"]).removeprefix("/console"))
    assert page.form()["pattern"] == str(accounts.two)
    assert len(page.soup.select("#values [name]")) == 2


def test_a_value_that_lacks_is_said_at_its_placeholder(
    operator: Console, app: Flask, accounts: Accounts
) -> None:
    page = operator.post(PATTERN, {"to": "09121234567", "pattern": accounts.two, "args-value1": "x"})
    assert list(page.errors) == ["args-value0"]
    assert page.form()["args-value1"] == "x"
    assert operator.post(PATTERN, {"to": "09121234567"}).errors == {"pattern": ["This field is required."]}
    for wrong in ("x", "999", "9" * 30):
        assert "pattern" in operator.post(PATTERN, {"to": "09121234567", "pattern": wrong}).errors
    assert messages(app) == []


def test_a_mail_is_sent_by_text_and_by_pattern(operator: Console, app: Flask, accounts: Accounts) -> None:
    with app.app_context():
        pattern = EmailPatternFactory(notifier_id=accounts.email, subject="سفارش {0}").id
    to = {"to": "customer@example.com"}
    text = {**to, "subject": "Order", "text": "It is on its way."}
    assert operator.post("/send?channel=email&by=text", text).status == 302
    by_pattern = {**to, "pattern": pattern, "args-value0": "5", "args-value1": "sent"}
    assert operator.post("/send?channel=email&by=pattern", by_pattern).status == 302
    assert {each.channel for each in messages(app)} == {"email"}
    assert [each.subject for each in messages(app)] == ["Order", "سفارش 5"]


@pytest.mark.parametrize("written", ["۱۴۰۵/۰۹/۰۶ ۱۰:۳۰", "2026-11-27 10:30", "2026-11-27T07:00:00Z"])
def test_a_message_is_sent_later_in_the_operators_time(
    signed_in: Callable[..., Console], app: Flask, accounts: Accounts, written: str
) -> None:
    with time_machine.travel("2026-11-26T08:00:00Z"):
        operator = signed_in(codes=(SEND,))
        operator.post(TEXT, {"to": "09121234567", "text": "x", "send_at": written})
    (message,) = messages(app)
    assert message.status == MessageStatus.SCHEDULED
    assert message.send_at is not None
    assert message.send_at.isoformat() == "2026-11-27T07:00:00+00:00"


@pytest.mark.parametrize("to", ["", "09121234567"])
def test_the_preview_shows_what_it_will_be_and_sends_nothing(
    operator: Console, app: Flask, accounts: Accounts, to: str
) -> None:
    page = operator.post("/send/preview?channel=sms&by=text", {"to": to, "text": "سلام " * 20})
    shown = " ".join(page.all("#preview"))
    assert "سلام" in shown
    assert "Segments 2" in shown
    assert "UCS-2" in shown
    assert ("+989121234567" in shown) is bool(to)
    assert "+989120000000" not in page.html
    assert messages(app) == []


def test_the_preview_says_what_is_missing(operator: Console, app: Flask, accounts: Accounts) -> None:
    page = operator.post("/send/preview?channel=sms&by=text", {"to": "", "text": ""})
    assert page.status == 200
    assert "can't be sent like this yet" in page.text
    assert list(page.errors) == ["text"]


@pytest.mark.parametrize("path", [TEXT, "/send/preview?channel=sms&by=text"])
def test_what_is_typed_is_text(operator: Console, accounts: Accounts, path: str) -> None:
    hostile = '</textarea><script>alert(1)</script>"><img src=x onerror=alert(1)>\u202e'
    page = operator.post(path, {"to": hostile, "text": hostile, "reference": hostile})
    assert not page.soup.select("main img, textarea script, #preview script")


def test_each_sees_what_they_may(signed_in: Callable[..., Console], app: Flask, accounts: Accounts) -> None:
    assert signed_in(codes=(VIEW,)).get("/send").status == 403
    assert signed_in(codes=(VIEW,)).post("/send/preview").status == 403
    sender = signed_in(codes=(SEND,))
    page = sender.get(PATTERN)
    assert not page.soup.select("[name=notifier], [name=pattern]")
    assert page.all(".tabs a") == ["SMS by text", "Email by text"]
    page = sender.post(TEXT, {"to": "09121234567", "text": "x"})
    (message,) = messages(app)
    assert f"The message is accepted. Its id is {message.id}." in sender.follow(page).text


def test_pages_need_few_statements(operator: Console, accounts: Accounts, queries: Queries) -> None:
    by_pattern: dict[str, Any] = {"to": "09121234567", "pattern": accounts.two}
    for path, values in ((TEXT, {"to": "09121234567", "text": "x"}), (PATTERN, by_pattern)):
        with queries as statements:
            operator.get(path)
        assert len(statements) <= 12
        token = operator.token()
        with queries as statements:
            operator.client.post(
                f"/console{path.replace('send?', 'send/preview?')}", data={**values, "csrf_token": token}
            )
        assert len(statements) <= 12


def test_a_form_without_its_token_sends_nothing(operator: Console, app: Flask, accounts: Accounts) -> None:
    data = {"to": "09121234567", "text": "x"}
    assert operator.client.post(f"/console{TEXT}", data=data).status_code == 400
    assert messages(app) == []
