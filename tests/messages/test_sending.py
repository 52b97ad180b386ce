"""One message over HTTP: what is taken and stored, and what is refused before anything is."""

import json
from base64 import b64encode
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from flask import Flask
from sqlalchemy import Connection

from notifyhub.api.http.json import timestamp
from notifyhub.extensions import db
from notifyhub.messages.events import MessagesDue
from notifyhub.messages.models import Message
from notifyhub.patterns.models import SMSPattern
from tests.messages.accounts import DELIVERY, MESSAGES, SETTINGS, Accounts, make_accounts
from tests.messages.bodies import FILE, by_pattern, email, sms, stored
from tests.support.clients import Api
from tests.support.environment import slow_on_postgresql
from tests.support.events import subscribed
from tests.support.factories import SMSNotifierFactory
from tests.support.queries import Queries
from tests.support.words import BLANK, LONG, NO_STRING, NULL, REQUIRED

NOW = datetime(2025, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
MOST = 10 * 1024 * 1024
TOO_LARGE = {"detail": f"Request body too large: at most {MOST} bytes are taken (NOTIFYHUB_MAX_BODY_BYTES)."}
FIELDS = [
    *(
        "id",
        "channel",
        "status",
        "to",
        "cc",
        "notifier_data",
        "pattern_data",
        "subject",
        "text",
        "args",
        "encoding",
    ),
    *("segments", "reference", "metadata", "batch", "test", "send_at", "expires_at", "created_at"),
    *("updated_at", "next_attempt_at", "sent_at", "delivered_at", "provider_message_id", "error"),
]
LINE = ["Line ends and control characters are not allowed."]
ADDRESS = ["Enter a valid email address."]
NOT_FOR_SMS = ["This field does not belong to an SMS."]


def no_default(channel: str) -> list[str]:
    setting = f"`notifications_{channel}_notifier` at /api/settings/notifications"
    return [f"None is given, and there is no default one: {setting} names it."]


def no_object(pk: Any) -> list[str]:
    return [f'Invalid pk "{pk}" - object does not exist.']


@pytest.fixture
def at_noon() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def announced() -> Iterator[list[int]]:
    """The ids that are told to be due."""
    heard: list[int] = []

    def hear(_connection: Connection, event: MessagesDue) -> None:
        heard.extend(event.ids)

    with subscribed(MessagesDue, hear):
        yield heard


def without(body: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in body.items() if key != name}


def send(api: Api, body: dict[str, Any]) -> dict[str, Any]:
    answer = api.post(MESSAGES, body)
    assert answer.status == 201, answer.json
    assert api.get(f"{MESSAGES}/{answer.json['id']}").json == {**answer.json, "attempts": []}
    message: dict[str, Any] = answer.json
    return message


def check_refused(api: Api, app: Flask, body: dict[str, Any], errors: dict[str, Any]) -> None:
    answer = api.post(MESSAGES, body, headers={"Idempotency-Key": "a-key"})
    assert (answer.status, answer.json) == (400, errors)
    assert stored(app) == 0


@pytest.mark.usefixtures("at_noon")
def test_an_sms_made_with_a_pattern_is_shown_whole(
    api: Api, app: Flask, accounts: Accounts, announced: list[int]
) -> None:
    body = by_pattern(accounts.pattern, ["12345"], reference="order-1", metadata={"campaign": "spring"})
    message = send(api, body)
    with app.app_context():
        name = db.session.get_one(SMSPattern, accounts.pattern).name
    notifier = api.get(SETTINGS).json["notifications_sms_notifier_data"]
    assert list(message) == FIELDS
    assert message == {
        "id": message["id"],
        "channel": "sms",
        "status": "queued",
        "to": "+989121234567",
        "cc": None,
        "notifier_data": notifier,
        "pattern_data": {"id": accounts.pattern, "name": name},
        "subject": None,
        "text": "Your login code is 12345",
        "args": ["12345"],
        "encoding": "gsm7",
        "segments": 1,
        "reference": "order-1",
        "metadata": {"campaign": "spring"},
        "batch": None,
        "test": False,
        "send_at": None,
        "expires_at": timestamp(NOW + DAY),
        "created_at": timestamp(NOW),
        "updated_at": timestamp(NOW),
        "next_attempt_at": timestamp(NOW),
        "sent_at": None,
        "delivered_at": None,
        "provider_message_id": None,
        "error": None,
    }
    assert announced == [message["id"]]


def test_an_sms_of_a_text_has_no_pattern(api: Api, accounts: Accounts) -> None:
    message = send(api, sms(text="  سلام €  "))
    shown = {
        name: message[name] for name in ("text", "pattern_data", "args", "encoding", "segments", "metadata")
    }
    assert shown == {
        "text": "سلام €",
        "pattern_data": None,
        "args": None,
        "encoding": "ucs2",
        "segments": 1,
        "metadata": {},
    }


def test_an_email_is_stored_whole(api: Api, app: Flask, accounts: Accounts) -> None:
    files = [
        {
            "filename": "bill.pdf",
            "content_type": "application/pdf",
            "content": b64encode(bytes(range(256))).decode(),
        },
        {"filename": "صورت‌حساب.txt", "content_type": "text/plain; charset=utf-8", "content": "aGVsbG8="},
    ]
    copies = {"cc": ["Ali <ali@STRASSE.de>", "b@example.com"], "bcc": ["boss@example.com"]}
    url = {"unsubscribe_url": "https://straße.de/u?t=1"}
    files[1]["content_id"] = "bill@shop"
    body = email(html="<p>Hello</p>", reply_to="Shop <shop@example.com>", attachments=files, **copies, **url)
    message = send(api, body)
    assert list(message) == FIELDS
    assert message["cc"] == ["Ali <ali@strasse.de>", "b@example.com"]
    assert api.get(MESSAGES).json["results"] == [message]
    assert (message["to"], message["subject"], message["text"]) == ("ada@example.com", "A bill", "Hello")
    assert message["notifier_data"]["id"] == accounts.email
    assert {message[name] for name in ("encoding", "segments", "args", "pattern_data")} == {None}
    with app.app_context():
        row = db.session.get_one(Message, message["id"])
        assert (row.html, row.reply_to) == ("<p>Hello</p>", "Shop <shop@example.com>")
        assert (row.bcc, row.unsubscribe_url) == (["boss@example.com"], "https://xn--strae-oqa.de/u?t=1")
        kept = [(file.filename, file.content_type, file.content, file.content_id) for file in row.attachments]
    assert kept == [
        ("bill.pdf", "application/pdf", bytes(range(256)), None),
        ("صورت‌حساب.txt", "text/plain; charset=utf-8", b"hello", "bill@shop"),
    ]


@pytest.mark.parametrize("name", ["text", "html"])
def test_an_email_may_have_a_text_or_html_alone(api: Api, accounts: Accounts, name: str) -> None:
    body = without(email(), "text") | {name: "<p>x</p>"}
    assert send(api, body)["text"] == ("<p>x</p>" if name == "text" else None)


@pytest.mark.parametrize(
    ("to", "e164"),
    [
        ("09121234567", "+989121234567"),
        ("+989121234567", "+989121234567"),
        ("00989121234567", "+989121234567"),
        ("989121234567", "+989121234567"),
        ("۰۹۱۲۱۲۳۴۵۶۷", "+989121234567"),
        ("٠٩١٢١٢٣٤٥٦٧", "+989121234567"),
        (" 0912 123-4567 ", "+989121234567"),
        (989121234567, "+989121234567"),
        ("+447911123456", "+447911123456"),
    ],
)
def test_a_number_is_stored_as_e164(api: Api, accounts: Accounts, to: Any, e164: str) -> None:
    api.patch(DELIVERY, {"sms_countries": []})
    assert send(api, sms(to=to))["to"] == e164


@pytest.mark.parametrize(
    "to", ["0912123456", "091212345678", "02112345678", "ada@example.com", "+999123", "x"]
)
def test_an_unusable_number_is_refused(api: Api, app: Flask, accounts: Accounts, to: str) -> None:
    answer = api.post(MESSAGES, sms(to=to))
    assert (answer.status, list(answer.json)) == (400, ["to"])
    assert stored(app) == 0


@pytest.mark.parametrize(
    ("field", "args", "text", "kept"),
    [
        ("pattern", ["12345"], "Your login code is 12345", ["12345"]),
        ("pattern", [12345], "Your login code is 12345", ["12345"]),
        ("pattern", [1.5], "Your login code is 1.5", ["1.5"]),
        ("pattern", ["  00 "], "Your login code is   00 ", ["  00 "]),
        ("pattern", ["{0} %name%"], "Your login code is {0} %name%", ["{0} %name%"]),
        ("two", ["ten", "Ada"], "Ada owes ten", ["ten", "Ada"]),
        ("named", {"code": "7", "name": "Ada"}, "Dear Ada, 7 is yours, Ada", {"code": "7", "name": "Ada"}),
        ("named", {"code": 7, "name": "Ada"}, "Dear Ada, 7 is yours, Ada", {"code": "7", "name": "Ada"}),
        ("named", ["Ada", 7], "Dear Ada, 7 is yours, Ada", ["Ada", "7"]),
        ("fixed", [], "Welcome", []),
        ("fixed", {}, "Welcome", {}),
    ],
)
def test_args_fill_the_pattern(
    api: Api, accounts: Accounts, field: str, args: Any, text: str, kept: Any
) -> None:
    message = send(api, by_pattern(getattr(accounts, field), args))
    assert (message["text"], message["args"]) == (text, kept)


@pytest.mark.parametrize("args", [{}, {"args": None}], ids=str)
def test_a_pattern_without_placeholders_needs_no_args(api: Api, accounts: Accounts, args: Any) -> None:
    body = without(by_pattern(accounts.fixed, []), "args") | args
    assert send(api, body)["text"] == "Welcome"


@slow_on_postgresql
@pytest.mark.parametrize(
    ("field", "args"),
    [
        ("pattern", None),
        ("pattern", []),
        ("pattern", ["1", "2"]),
        ("pattern", {"0": "1"}),
        ("pattern", {}),
        ("pattern", "12345"),
        ("pattern", 12345),
        ("pattern", True),
        ("pattern", [None]),
        ("pattern", [True]),
        ("pattern", [["1"]]),
        ("pattern", [{}]),
        ("pattern", ["x" * 1001]),
        ("pattern", [""]),
        ("pattern", ["  "]),
        ("pattern", [{}] * 101),
        ("named", {"name": "", "code": "7"}),
        ("named", {str(n): "x" for n in range(101)}),
        ("two", ["1"]),
        ("named", ["Ada"]),
        ("named", {"name": "Ada"}),
        ("named", {"name": "Ada", "code": "7", "other": "8"}),
        ("named", {"name": "Ada", "code": None}),
        ("named", {"name": "Ada", "code": False}),
        ("named", {"Name": "Ada", "code": "7"}),
        ("fixed", ["1"]),
        ("fixed", {"name": "Ada"}),
    ],
)
def test_args_that_do_not_fill_the_pattern_exactly_are_refused(
    api: Api, app: Flask, accounts: Accounts, field: str, args: Any
) -> None:
    answer = api.post(MESSAGES, by_pattern(getattr(accounts, field), args))
    assert (answer.status, list(answer.json)) == (400, ["args"])
    assert stored(app) == 0


@pytest.mark.parametrize("status", ["created", "pending", "rejected"])
def test_a_pattern_must_be_approved(api: Api, app: Flask, accounts: Accounts, status: str) -> None:
    with app.app_context():
        db.session.get_one(SMSPattern, accounts.pattern).status = status
        db.session.commit()
    words = [f"This pattern is not approved: its status is `{status}`."]
    check_refused(api, app, by_pattern(accounts.pattern, ["1"]), {"pattern": words})


def test_a_pattern_belongs_to_its_notifier(api: Api, app: Flask, accounts: Accounts) -> None:
    words = [f"The pattern belongs to another notifier: {accounts.sms}."]
    body = by_pattern(accounts.pattern, ["1"])
    check_refused(api, app, body | {"notifier": accounts.other_sms}, {"notifier": words})
    check_refused(api, app, body | {"notifier": 2**63 - 1}, {"notifier": words})
    assert send(api, body | {"notifier": accounts.sms})["notifier_data"]["id"] == accounts.sms
    api.patch(SETTINGS, {"notifications_sms_notifier": accounts.other_sms})
    assert send(api, body)["notifier_data"]["id"] == accounts.sms


def test_a_deleted_pattern_or_notifier_is_none(api: Api, app: Flask, accounts: Accounts) -> None:
    url = "/api/notifications/notifiers"
    assert api.delete(f"{url}/sms/{accounts.sms}/patterns/{accounts.fixed}").status == 204
    assert api.delete(f"{url}/sms/{accounts.other_sms}").status == 204
    assert api.delete(f"{url}/email/{accounts.other_email}").status == 204
    check_refused(api, app, by_pattern(accounts.fixed, []), {"pattern": no_object(accounts.fixed)})
    check_refused(api, app, sms(notifier=accounts.other_sms), {"notifier": no_object(accounts.other_sms)})
    check_refused(
        api, app, email(notifier=accounts.other_email), {"notifier": no_object(accounts.other_email)}
    )


@pytest.mark.parametrize(("body", "field"), [(sms(), "other_sms"), (email(), "other_email")])
def test_a_notifier_can_be_named(api: Api, accounts: Accounts, body: dict[str, Any], field: str) -> None:
    chosen = getattr(accounts, field)
    assert send(api, body | {"notifier": chosen})["notifier_data"]["id"] == chosen
    assert send(api, body | {"notifier": str(chosen)})["notifier_data"]["id"] == chosen
    default = accounts.sms if field == "other_sms" else accounts.email
    assert send(api, body | {"notifier": None})["notifier_data"]["id"] == default


@pytest.mark.parametrize("body", [sms(), email()])
def test_without_a_default_a_notifier_must_be_named(api: Api, app: Flask, body: dict[str, Any]) -> None:
    check_refused(api, app, body, {"notifier": no_default(body["channel"])})
    accounts = make_accounts(app)
    api.patch(SETTINGS, {"notifications_sms_notifier": None, "notifications_email_notifier": None})
    check_refused(api, app, body, {"notifier": no_default(body["channel"])})
    assert send(api, by_pattern(accounts.fixed, []))["notifier_data"]["id"] == accounts.sms


def test_texts_need_a_line_of_the_notifier_and_patterns_do_not(
    api: Api, app: Flask, accounts: Accounts
) -> None:
    words = ["This notifier's settings hold no number to send a text from: only patterns can be sent."]
    with app.app_context():
        lineless = SMSNotifierFactory(settings={"token": "a-token"}).id
    check_refused(api, app, sms(notifier=lineless), {"notifier": words})
    url = f"/api/notifications/notifiers/sms/{lineless}/patterns"
    pattern = api.post(url, {"name": "p", "code": "1", "body": "Hello", "status": "approved"}).json["id"]
    assert send(api, by_pattern(pattern, []))["text"] == "Hello"


@slow_on_postgresql
@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({}, {"channel": REQUIRED, "to": REQUIRED}),
        ({"channel": None, "to": None}, {"channel": NULL, "to": NULL}),
        (sms(channel="fax"), {"channel": ['"fax" is not a valid choice.']}),
        (sms(channel="SMS"), {"channel": ['"SMS" is not a valid choice.']}),
        (sms(to=""), {"to": BLANK}),
        (sms(to=" "), {"to": BLANK}),
        (sms(to=True), {"to": NO_STRING}),
        (
            sms(to=["09121234567"]),
            {"to": ["Give one recipient: /api/notifications/messages/bulk takes many."]},
        ),
        (sms(to={}), {"to": NO_STRING}),
        (without(sms(), "text"), {"text": ["Give a `pattern` or a `text`."]}),
        (sms(text=None), {"text": ["Give a `pattern` or a `text`."]}),
        (sms(text=" \n"), {"text": BLANK}),
        (sms(text=False), {"text": NO_STRING}),
        (sms(text="x" * 10_001), {"text": ["Ensure this field has no more than 10000 characters."]}),
        (sms(args=[]), {"args": ["Arguments fill a pattern, and none is given."]}),
        (sms(subject="x"), {"subject": NOT_FOR_SMS}),
        (
            sms(html="x", reply_to="a@example.com", attachments=[FILE]),
            dict.fromkeys(("html", "reply_to", "attachments"), NOT_FOR_SMS),
        ),
        (email(pattern=1, args=["1"]), {"pattern": no_object(1)}),
        (email(args=["1"]), {"args": ["Arguments fill a pattern, and none is given."]}),
        (sms(notifier="x"), {"notifier": ["Incorrect type. Expected pk value, received str."]}),
        (sms(notifier=True), {"notifier": ["Incorrect type. Expected pk value, received bool."]}),
        (sms(notifier=0), {"notifier": no_object(0)}),
        (sms(notifier=2**63 - 1), {"notifier": no_object(2**63 - 1)}),
        (sms(notifier="9" * 30), {"notifier": no_object("9" * 30)}),
        (by_pattern(2**63 - 1, []), {"pattern": no_object(2**63 - 1)}),
        (sms(pattern=[1]), {"pattern": ["Incorrect type. Expected pk value, received list."]}),
        (sms(reference="x" * 256), {"reference": LONG}),
        (sms(reference=" "), {"reference": BLANK}),
        (sms(metadata=[]), {"metadata": ['Expected a dictionary of items but got type "list".']}),
        (sms(metadata="x"), {"metadata": ['Expected a dictionary of items but got type "str".']}),
        (sms(metadata=None), {"metadata": NULL}),
        (sms(metadata={"a": True}), {"metadata": {"a": NO_STRING}}),
        (sms(metadata={"a": None}), {"metadata": {"a": NULL}}),
        (sms(metadata={"a": {"b": "c"}, "d": "x"}), {"metadata": {"a": NO_STRING}}),
        (sms(metadata={"a": "x" * 256}), {"metadata": {"a": LONG}}),
        (
            sms(metadata={str(n): "x" for n in range(51)}),
            {"metadata": ["Ensure this field has no more than 50 elements."]},
        ),
        (without(email(), "subject"), {"subject": REQUIRED}),
        (email(subject=" "), {"subject": BLANK}),
        (email(subject="x" * 256), {"subject": LONG}),
        (email(text=None), {"text": ["Give a `text`, an `html` or both."]}),
        (email(html=" "), {"html": BLANK}),
        (email(to="09121234567"), {"to": ADDRESS}),
        (email(to="Ada <ada@example.com>"), {"to": ADDRESS}),
        (email(to="ada@example.com, bob@example.com"), {"to": ADDRESS}),
        (email(reply_to="shop"), {"reply_to": ADDRESS}),
        (email(reply_to="a@example.com, b@example.com"), {"reply_to": ADDRESS}),
        (email(attachments={}), {"attachments": ['Expected a list of items but got type "dict".']}),
        (email(attachments=None), {"attachments": NULL}),
        (
            email(attachments=[FILE, "x", {}]),
            {
                "attachments": {
                    "1": {"non_field_errors": ["Invalid data. Expected a dictionary, but got str."]},
                    "2": dict.fromkeys(FILE, REQUIRED),
                }
            },
        ),
        (
            email(attachments=[FILE] * 101),
            {"attachments": ["Ensure this field has no more than 100 elements."]},
        ),
    ],
)
def test_what_is_wrong_is_told_by_its_field_and_nothing_is_stored(
    api: Api, app: Flask, accounts: Accounts, body: dict[str, Any], errors: dict[str, Any]
) -> None:
    check_refused(api, app, body, errors)


def test_all_that_is_wrong_is_told_at_once(api: Api, app: Flask, accounts: Accounts) -> None:
    body = sms(to="x", text="x" * 10_001, args=[], subject="s", send_at="2020-01-01T00:00:00Z")
    answer = api.post(MESSAGES, body)
    assert answer.status == 400
    assert answer.json.keys() == {"to", "text", "args", "subject", "send_at"}


def test_a_pattern_takes_no_text_beside_it(api: Api, app: Flask, accounts: Accounts) -> None:
    words = ["The text is the pattern's: give one or the other."]
    check_refused(api, app, by_pattern(accounts.fixed, [], text="Hello"), {"text": words})
    assert send(api, by_pattern(accounts.fixed, [], text=None))["text"] == "Welcome"
    assert send(api, sms(pattern=None, args=None))["text"] == "Hello"


def test_the_text_that_a_pattern_makes_is_no_longer_than_a_text(
    api: Api, app: Flask, accounts: Accounts
) -> None:
    with app.app_context():
        db.session.get_one(SMSPattern, accounts.pattern).body = "{0}" * 50
        db.session.commit()
    words = ["Ensure the text that they make has no more than 10000 characters."]
    check_refused(api, app, by_pattern(accounts.pattern, ["x" * 201]), {"args": words})
    assert len(send(api, by_pattern(accounts.pattern, ["x" * 200]))["text"]) == 10_000


@pytest.mark.parametrize("value", ["x\r\nBcc: eve@example.com", "x\u2028y"])
@pytest.mark.parametrize("field", ["to", "subject", "reply_to", "filename", "content_type"])
def test_line_ends_begin_no_header(api: Api, app: Flask, accounts: Accounts, field: str, value: str) -> None:
    inside = field in FILE
    errors: Any = {"attachments": {"0": {field: LINE}}} if inside else {field: LINE}
    body = email(attachments=[FILE | {field: value}]) if inside else email(**{field: value})
    check_refused(api, app, body, errors)


@pytest.mark.parametrize(
    "content", ["a", "aGVsbG8", "aGVs\nbG8=", "aGVs bG8=", "aGVsbG8=x", "é", "-_-_", "data:text/plain,x"]
)
def test_what_is_no_base64_is_refused(api: Api, app: Flask, accounts: Accounts, content: str) -> None:
    errors = {"attachments": {"0": {"content": ["Not valid base64."]}}}
    check_refused(api, app, email(attachments=[FILE | {"content": content}]), errors)


@pytest.mark.parametrize("content_type", ["text", "text/", "/plain", "text plain", "text/pläin", "متن/ساده"])
def test_what_is_no_media_type_is_refused(
    api: Api, app: Flask, accounts: Accounts, content_type: str
) -> None:
    errors = {"attachments": {"0": {"content_type": ["Enter a type such as text/plain."]}}}
    check_refused(api, app, email(attachments=[FILE | {"content_type": content_type}]), errors)


@pytest.mark.usefixtures("at_noon")
@pytest.mark.parametrize(
    ("given", "send_at"),
    [
        ("2025-03-01T12:00:00.000001Z", NOW + timedelta(microseconds=1)),
        ("2025-03-01T15:30:01+03:30", NOW + timedelta(seconds=1)),
        ("2025-03-01T15:30", NOW + timedelta(hours=3.5)),
        ("2025-03-31T12:00:00Z", NOW + 30 * DAY),
    ],
)
def test_a_message_can_wait_for_a_moment(
    api: Api, app: Flask, accounts: Accounts, announced: list[int], given: str, send_at: datetime
) -> None:
    message = send(api, sms(send_at=given))
    assert (message["status"], message["send_at"]) == ("scheduled", timestamp(send_at))
    assert message["expires_at"] == timestamp(send_at + DAY)
    assert announced == []
    with app.app_context():
        assert db.session.get_one(Message, message["id"]).next_attempt_at == send_at


@pytest.mark.usefixtures("at_noon")
@pytest.mark.parametrize(
    ("fields", "errors"),
    [
        ({"send_at": "2025-03-01T12:00:00Z"}, {"send_at": ["This moment is past."]}),
        ({"send_at": "2025-03-01T15:29:59+03:30"}, {"send_at": ["This moment is past."]}),
        (
            {"send_at": "2025-03-31T12:00:00.000001Z"},
            {"send_at": ["Ensure this moment is at most 30 days ahead."]},
        ),
        ({"expires_at": "2025-03-01T12:00:00Z"}, {"expires_at": ["This moment is past."]}),
        (
            {"send_at": "2025-03-02T00:00:00Z", "expires_at": "2025-03-02T00:00:00Z"},
            {"expires_at": ["Ensure this is after `send_at`."]},
        ),
    ],
)
def test_moments_must_lie_ahead_in_their_order(
    api: Api, app: Flask, accounts: Accounts, fields: dict[str, str], errors: dict[str, list[str]]
) -> None:
    check_refused(api, app, sms(**fields), errors)


@pytest.mark.parametrize("field", ["send_at", "expires_at"])
@pytest.mark.parametrize(
    "value",
    [
        "",
        "tomorrow",
        1_740_830_400,
        True,
        "2025-02-30T00:00:00Z",
        "2025-03-01T25:00Z",
        f"2125-03-01T00:00:00.{'1' * 300}Z",
    ],
)
def test_what_is_no_moment_is_refused(
    api: Api, app: Flask, accounts: Accounts, field: str, value: Any
) -> None:
    answer = api.post(MESSAGES, sms(**{field: value}))
    assert (answer.status, list(answer.json)) == (400, [field])
    assert answer.json[field][0].startswith("Datetime has wrong format.")
    assert stored(app) == 0


@pytest.mark.usefixtures("at_noon")
@pytest.mark.parametrize("body", [sms(), email(), sms(notifier=True), by_pattern(0, [])], ids=str)
def test_a_message_lives_as_long_as_the_delivery_settings_say(
    api: Api, accounts: Accounts, body: dict[str, Any]
) -> None:
    if "pattern" in body:
        body = body | {"pattern": accounts.fixed}
    if "notifier" in body:
        body = body | {"notifier": accounts.other_sms}
    api.patch(DELIVERY, {"message_ttl": 60})
    assert send(api, body)["expires_at"] == timestamp(NOW + timedelta(seconds=60))
    given = "2025-06-01T00:00:00.000000Z"
    assert send(api, body | {"expires_at": given})["expires_at"] == given


def test_a_test_tokens_message_is_marked_and_refused_as_any_other(
    app: Flask, accounts: Accounts, token: Callable[..., str]
) -> None:
    tester = Api(app.test_client(), token(test=True))
    assert send(tester, sms())["test"] is True
    assert tester.post(MESSAGES, sms(notifier=2**63 - 1)).json == {"notifier": no_object(2**63 - 1)}
    assert tester.post(MESSAGES, by_pattern(accounts.two, ["1"])).status == 400
    for number in ("+989000000001", "+989000000002", "+989000000003"):
        assert send(tester, sms(to=number))["to"] == number


def test_read_only_keys_are_ignored(api: Api, accounts: Accounts) -> None:
    given = {
        "id": 7,
        "status": "sent",
        "test": True,
        "batch": 3,
        "segments": 9,
        "created_at": "x",
        "attempts": [],
    }
    message = send(api, sms(**given))
    assert (message["status"], message["test"], message["batch"], message["segments"]) == (
        "queued",
        False,
        None,
        1,
    )


def test_metadata_takes_numbers_as_their_text(api: Api, accounts: Accounts) -> None:
    metadata = {str(n): n for n in range(50)}
    assert send(api, sms(metadata=metadata))["metadata"] == {key: str(n) for key, n in metadata.items()}
    assert send(api, sms(metadata={}))["metadata"] == {}


@pytest.mark.parametrize(
    ("text", "encoding", "segments"),
    [
        ("x" * 160, "gsm7", 1),
        ("x" * 161, "gsm7", 2),
        ("€" * 80, "gsm7", 1),
        ("€" * 81, "gsm7", 2),
        ("س" * 70, "ucs2", 1),
        ("س" * 71, "ucs2", 2),
        ("😀" * 35, "ucs2", 1),
        ("😀" * 67, "ucs2", 3),
    ],
)
def test_segments_are_counted(api: Api, accounts: Accounts, text: str, encoding: str, segments: int) -> None:
    message = send(api, sms(text=text))
    assert (message["encoding"], message["segments"]) == (encoding, segments)


def of_length(length: int) -> bytes:
    """Return an email of exactly so many bytes, whose attachment is made as long as that takes."""
    missing = length - len(json.dumps(email(attachments=[FILE | {"content": ""}])))
    file = FILE | {"content": "A" * (missing // 4 * 4)}
    return json.dumps(email(attachments=[file])).encode().ljust(length)


@pytest.mark.parametrize("path", ["", "/preview", "/bulk"])
def test_bodies_may_have_10_mib(
    api: Api, app: Flask, accounts: Accounts, staff: Callable[..., Api], anonymous: Api, path: str
) -> None:
    def post(caller: Api, length: int) -> Any:
        data = of_length(length - len('{"messages": []}'))
        data = b'{"messages": [%s]}' % data if path == "/bulk" else data + b" " * len('{"messages": []}')
        assert len(data) == length
        return caller.post(MESSAGES + path, data=data, content_type="application/json")

    assert post(api, MOST).status == (200 if path == "/preview" else 201)
    before = stored(app)
    refused = post(api, MOST + 1)
    assert (refused.status, refused.json) == (
        413,
        TOO_LARGE,
    )
    assert post(anonymous, MOST + 1).status == 401
    assert post(staff(7812, 7813), MOST + 1).status == 403
    assert stored(app) == before


@pytest.mark.parametrize("data", [b"[]", b"null", b'"x"'])
def test_a_body_must_be_an_object(api: Api, accounts: Accounts, data: bytes) -> None:
    answer = api.post(MESSAGES, data=data, content_type="application/json")
    assert (answer.status, list(answer.json)) == (400, ["non_field_errors"])


@pytest.mark.parametrize(
    "body",
    [
        sms(text="a\0b"),
        sms(reference="\ud800"),
        sms(metadata={"a\0": "b"}),
        sms(metadata={"\udfff": "b"}),
        by_pattern(1, ["\0"]),
        email(attachments=[FILE | {"filename": "\0"}]),
    ],
    ids=repr,
)
def test_texts_that_no_database_stores_are_refused(
    api: Api, app: Flask, accounts: Accounts, body: dict[str, Any]
) -> None:
    answer = api.post(MESSAGES, data=json.dumps(body), content_type="application/json")
    assert answer.status == 400
    assert stored(app) == 0


def test_accepting_a_message_takes_at_most_five_statements(
    api: Api, accounts: Accounts, queries: Queries
) -> None:
    """The token's, one for what the message names, the message's own; its files'; two for its key."""
    api.get("/api/me")  # which notes the token's use
    for body in (sms(), by_pattern(accounts.pattern, ["1"]), email(), sms(notifier=accounts.other_sms)):
        for headers, most in (({}, 3), ({"Idempotency-Key": f"key-{hash(str(body))}"}, 5)):
            with queries as statements:
                assert api.post(MESSAGES, body, headers=headers).status == 201
            assert len(statements) <= most, statements
    with queries as statements:
        assert api.post(MESSAGES, email(attachments=[FILE] * 100)).status == 201
    assert len(statements) <= 5, statements
