"""Messages made with patterns of mails, and with patterns of either kind by their names, over HTTP."""

from typing import Any, NamedTuple

import pytest
from flask import Flask

from notifyhub.extensions import db
from notifyhub.messages.models import Message
from tests.messages.accounts import MESSAGES, SETTINGS, Accounts
from tests.messages.bodies import FILE, by_pattern, email, sms, stored
from tests.support.clients import Api
from tests.support.factories import EmailPatternFactory, SMSPatternFactory
from tests.support.queries import Queries

BULK, PREVIEW = f"{MESSAGES}/bulk", f"{MESSAGES}/preview"
TO = {"channel": "email", "to": "ada@example.com"}
SENDER = "فروشگاه <shop@example.com>"


class Patterns(NamedTuple):
    """Ids: of mails at the default notifier and at another one, of texts at both; `order` is the name of all.

    The ids of a text and of a mail may be the same.
    """

    mail: int
    other_mail: int
    sms: int
    other_sms: int


@pytest.fixture
def patterns(app: Flask, accounts: Accounts) -> Patterns:
    with app.app_context():
        mails = [
            EmailPatternFactory(
                notifier_id=notifier,
                name="order",
                subject=f"{word} {{0}}",
                body_text="{1}: {0}",
                body_html="<p title='{1}'>{0}</p>",
                from_email=sender,
            )
            for notifier, word, sender in (
                (accounts.email, "سفارش", SENDER),
                (accounts.other_email, "Order", None),
            )
        ]
        texts = [
            SMSPatternFactory(notifier_id=notifier, name="order", status="approved", body=f"{word} {{0}}")
            for notifier, word in ((accounts.sms, "سفارش"), (accounts.other_sms, "Order"))
        ]
        return Patterns(*(pattern.id for pattern in (*mails, *texts)))


def test_a_mail_by_a_pattern_is_stored_as_rendered(
    api: Api, app: Flask, accounts: Accounts, patterns: Patterns
) -> None:
    body = {**TO, "pattern": patterns.mail, "args": ["7\r\n8", "<سارا>"], "attachments": [FILE]}
    answer = api.post(MESSAGES, body | {"reply_to": "help@example.com", "reference": "r"})
    assert answer.status == 201
    message = answer.json
    assert {name: message[name] for name in ("channel", "subject", "text", "args", "pattern_data")} == {
        "channel": "email",
        "subject": "سفارش 7 8",
        "text": "<سارا>: 7\r\n8",
        "args": ["7\r\n8", "<سارا>"],
        "pattern_data": {"id": patterns.mail, "name": "order"},
    }
    assert message["notifier_data"]["id"] == accounts.email
    assert api.get(f"{MESSAGES}/{message['id']}").json == message | {"attempts": []}
    with app.app_context():
        row = db.session.get_one(Message, message["id"])
        assert (row.html, row.from_email) == ("<p title='&lt;سارا&gt;'>7\r\n8</p>", SENDER)
        assert (row.reply_to, len(row.attachments)) == ("help@example.com", 1)


@pytest.mark.parametrize("field", ["subject", "text", "html"])
def test_what_comes_from_the_pattern_is_not_given_beside_it(
    api: Api, app: Flask, patterns: Patterns, field: str
) -> None:
    body = {**TO, "pattern": patterns.mail, "args": ["7", "x"], field: "Hello"}
    answer = api.post(MESSAGES, body)
    words = [f"The {field} is the pattern's: give one or the other."]
    assert (answer.status, answer.json) == (400, {field: words})
    assert stored(app) == 0


def test_patterns_of_mails_and_texts_are_never_taken_for_each_other(
    api: Api, app: Flask, accounts: Accounts
) -> None:
    with app.app_context():
        EmailPatternFactory(id=1000, notifier_id=accounts.email)
        SMSPatternFactory(id=2000, notifier_id=accounts.sms, status="approved")
    for body in (by_pattern(1000), {**TO, "pattern": 2000, "args": ["7", "x"]}):
        words = [f'Invalid pk "{body["pattern"]}" - object does not exist.']
        assert api.post(MESSAGES, body).json == {"pattern": words}
    assert stored(app) == 0


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"channel": "sms", "to": "09121234567", "args": ["7"]}, ("sms", "سفارش 7")),
        ({"channel": "email", "to": "a@example.com", "args": ["7", "x"]}, ("mail", "سفارش 7")),
    ],
)
def test_a_pattern_is_named_at_the_notifier_or_at_the_default_one(
    api: Api, accounts: Accounts, patterns: Patterns, given: dict[str, Any], expected: tuple[str, str]
) -> None:
    kind, rendered = expected
    shown = "text" if kind == "sms" else "subject"
    at_default = api.post(MESSAGES, given | {"pattern": "order"}).json
    assert (at_default[shown], at_default["pattern_data"]["id"]) == (rendered, getattr(patterns, kind))
    other = getattr(accounts, "other_sms" if kind == "sms" else "other_email")
    at_other = api.post(MESSAGES, given | {"pattern": "order", "notifier": other}).json
    assert at_other[shown] == "Order 7"
    assert at_other["pattern_data"]["id"] == getattr(patterns, f"other_{kind}")
    assert at_other["notifier_data"]["id"] == other
    settings = {"notifications_sms_notifier": None, "notifications_email_notifier": None}
    assert api.patch(SETTINGS, settings).status == 200
    assert list(api.post(MESSAGES, given | {"pattern": "order"}).json) == ["notifier"]


def test_a_text_of_digits_is_a_name(api: Api, app: Flask, accounts: Accounts) -> None:
    with app.app_context():
        named = SMSPatternFactory(
            notifier_id=accounts.sms, name=str(accounts.pattern), status="approved", body="Hello"
        ).id
    message = api.post(MESSAGES, by_pattern(accounts.pattern, []) | {"pattern": str(accounts.pattern)}).json
    assert message["pattern_data"] == {"id": named, "name": str(accounts.pattern)}


@pytest.mark.parametrize("body", [by_pattern(1), {**TO, "args": ["7", "x"]}])
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("x", "Object with name=x does not exist."),
        ("Order", "Object with name=Order does not exist."),
        ('"%_\\', 'Object with name="%_\\ does not exist.'),
        (" ", "This field may not be blank."),
        ("x" * 256, "Ensure this field has no more than 255 characters."),
        (True, "Incorrect type. Expected pk value, received bool."),
        ({}, "Incorrect type. Expected pk value, received dict."),
        (0, 'Invalid pk "0" - object does not exist.'),
    ],
)
def test_a_name_that_no_pattern_has_is_refused(
    api: Api, app: Flask, patterns: Patterns, body: dict[str, Any], name: Any, words: str
) -> None:
    answer = api.post(MESSAGES, body | {"pattern": name})
    assert (answer.status, answer.json) == (400, {"pattern": [words]})
    assert stored(app) == 0


def test_an_empty_name_counts_as_none(api: Api, accounts: Accounts) -> None:
    assert api.post(MESSAGES, sms(pattern="")).json["pattern_data"] is None


@pytest.mark.parametrize(
    "args", [["7", "<b>"], ["7"], [], ["7", "8", "9"], {"0": "7", "1": "8"}, ["\x1b" * 256, "x"]], ids=str
)
def test_a_preview_of_a_mail_agrees_with_the_message(api: Api, patterns: Patterns, args: Any) -> None:
    body = {**TO, "pattern": "order", "args": args}
    preview, sent = api.post(PREVIEW, body), api.post(MESSAGES, body)
    if sent.status == 201:
        assert preview.json == {name: sent.json[name] for name in preview.json}
        assert (preview.json["text"], preview.json["encoding"], preview.json["segments"]) == (
            "<b>: 7",
            None,
            None,
        )
    else:
        assert (preview.status, preview.json) == (400, sent.json)
        assert list(sent.json) == ["args"]


def test_both_forms_of_bulk_take_patterns_by_id_and_by_name(
    api: Api, accounts: Accounts, patterns: Patterns
) -> None:
    messages = [
        {**TO, "pattern": "order", "args": ["1", "x"]},
        {**TO, "pattern": patterns.other_mail, "args": ["2", "x"]},
        by_pattern(patterns.other_sms, ["3"]),
        by_pattern(0, ["4"]) | {"pattern": "order", "notifier": accounts.other_sms},
    ]
    batch = api.post(BULK, {"messages": messages}).json["batch"]
    shown = api.get(f"{MESSAGES}?batch={batch}").json["results"]
    assert [message["subject"] or message["text"] for message in shown] == [
        "Order 4",
        "Order 3",
        "Order 2",
        "سفارش 1",
    ]
    common = {"channel": "email", "pattern": "order"}
    recipients = [{"to": f"{n}@example.com", "args": [str(n), "x"]} for n in range(2)]
    batch = api.post(BULK, {"common": common, "recipients": recipients}).json["batch"]
    shown = api.get(f"{MESSAGES}?batch={batch}").json["results"]
    assert [message["subject"] for message in shown] == ["سفارش 1", "سفارش 0"]


def test_what_is_wrong_with_a_pattern_is_told_where_it_stands(
    api: Api, app: Flask, patterns: Patterns
) -> None:
    messages = [
        {**TO, "pattern": "order", "args": ["1", "x"]},
        {**TO, "pattern": "x"},
        {**TO, "pattern": "order", "args": []},
    ]
    answer = api.post(BULK, {"messages": messages})
    assert {index: list(wrong) for index, wrong in answer.json["messages"].items()} == {
        "1": ["pattern"],
        "2": ["args"],
    }
    common = {"channel": "email", "pattern": "order", "html": "x"}
    recipients = [{"to": "a@example.com", "args": ["1", "x"]}, {"to": "a@example.com", "args": {"a": "b"}}]
    answer = api.post(BULK, {"common": common, "recipients": recipients})
    assert list(answer.json["common"]) == ["html"]
    assert {index: list(wrong) for index, wrong in answer.json["recipients"].items()} == {"1": ["args"]}
    assert stored(app) == 0


@pytest.mark.parametrize("body", [sms(), email(), by_pattern(0), {**TO, "pattern": 0, "args": ["7", "x"]}])
def test_a_message_takes_as_many_statements_as_ever(
    api: Api, accounts: Accounts, patterns: Patterns, queries: Queries, body: dict[str, Any]
) -> None:
    if "pattern" in body:
        body = body | {"pattern": accounts.pattern if body["channel"] == "sms" else patterns.mail}
    api.post(PREVIEW, body)
    with queries as statements:
        assert api.post(PREVIEW, body).status == 200
    assert len(statements) == 2  # one of them the token's


def test_the_list_is_filtered_by_a_pattern_and_by_the_channel_whose_it_is(
    api: Api, app: Flask, accounts: Accounts
) -> None:
    with app.app_context():
        mail = EmailPatternFactory(id=accounts.pattern, notifier_id=accounts.email).id
    assert mail == accounts.pattern
    text = api.post(MESSAGES, by_pattern(accounts.pattern)).json
    letter = api.post(MESSAGES, {**TO, "pattern": mail, "args": ["7", "sent"]}).json
    api.post(MESSAGES, by_pattern(accounts.fixed, []))
    for query, found in (
        ("", [letter, text]),
        ("&channel=sms", [text]),
        ("&channel=email", [letter]),
        ("&channel=email&status=sent", []),
    ):
        assert api.get(f"{MESSAGES}?pattern={mail}{query}").json["results"] == found


def test_a_mail_stays_readable_without_its_pattern(api: Api, accounts: Accounts, patterns: Patterns) -> None:
    message = api.post(MESSAGES, {**TO, "pattern": "order", "args": ["7", "x"]}).json
    url = f"/api/notifications/notifiers/email/{accounts.email}/patterns/{patterns.mail}"
    assert api.delete(url).status == 204
    assert api.get(f"{MESSAGES}/{message['id']}").json == message | {"attempts": []}


def test_a_picture_is_shown_by_the_html_of_the_pattern_or_refused(
    api: Api, app: Flask, accounts: Accounts, patterns: Patterns
) -> None:
    picture = {**FILE, "content_id": "logo"}
    body = {**TO, "pattern": patterns.mail, "args": ["1", "2"], "attachments": [picture]}
    assert api.post(MESSAGES, body).status == 201
    with app.app_context():
        plain = EmailPatternFactory(notifier_id=accounts.email, subject="s", body_text="t", body_html=None).id
    answer = api.post(MESSAGES, {**body, "pattern": plain, "args": []})
    assert (answer.status, answer.json) == (
        400,
        {"attachments": {"0": {"content_id": ["There is no `html` that could show it."]}}},
    )
