"""Copies, pictures in the html and the URL to unsubscribe at: what is taken and shown, what is refused."""

from typing import Any

import pytest
from flask import Flask

from notifyhub.extensions import db
from notifyhub.messages.models import Message
from tests.messages.accounts import MESSAGES, Accounts
from tests.messages.bodies import FILE, email, sms, stored
from tests.support.clients import Api
from tests.support.factories import MessageFactory

BULK = f"{MESSAGES}/bulk"
LINE = ["Line ends and control characters are not allowed."]
ADDRESS = ["Enter a valid email address."]
NOT_FOR_SMS = ["This field does not belong to an SMS."]
TOGETHER = ["Ensure `cc` and `bcc` together have no more than 50 elements."]
MANY = [f"copy-{number}@example.com" for number in range(51)]
PICTURE = {"filename": "logo.png", "content_type": "image/png", "content": "aGVsbG8=", "content_id": "logo"}


def refused(api: Api, app: Flask, body: dict[str, Any], path: str = MESSAGES) -> dict[str, Any]:
    answer = api.post(path, body)
    assert answer.status == 400, answer.json
    assert stored(app) == 0
    errors: dict[str, Any] = answer.json
    return errors


def copies_of(app: Flask, message_id: int) -> tuple[list[str] | None, list[str] | None]:
    with app.app_context():
        row = db.session.get_one(Message, message_id)
        return row.cc, row.bcc


def test_copies_are_shown_but_blind_ones(api: Api, app: Flask, accounts: Accounts) -> None:
    body = email(cc=[" Ali <ali@STRASSE.de>\r\n"], bcc=["boss@example.com"])
    made = api.post(MESSAGES, body)
    assert (made.status, made.json["cc"]) == (201, ["Ali <ali@strasse.de>"])
    url = f"{MESSAGES}/{made.json['id']}"
    for answer in (made, api.get(url), api.get(MESSAGES), api.post(f"{url}/cancel")):
        assert "ali@strasse.de" in str(answer.json)
        assert "boss" not in str(answer.json)
    assert copies_of(app, made.json["id"]) == (["Ali <ali@strasse.de>"], ["boss@example.com"])


@pytest.mark.parametrize("copies", [{}, {"cc": None, "bcc": None}, {"cc": [], "bcc": []}, {"bcc": MANY[:50]}])
def test_a_mail_without_open_copies_shows_none(api: Api, accounts: Accounts, copies: dict[str, Any]) -> None:
    message = api.post(MESSAGES, email(**copies)).json
    assert message["cc"] == []
    assert api.get(f"{MESSAGES}/{message['id']}").json["cc"] == []
    assert api.get(MESSAGES).json["results"][0]["cc"] == []


def test_an_sms_shows_no_copies_nor_does_one_of_before(api: Api, app: Flask, accounts: Accounts) -> None:
    assert api.post(MESSAGES, sms(cc=None, bcc=None, unsubscribe_url=None)).json["cc"] is None
    with app.app_context():
        earlier = MessageFactory(channel="email", recipient="a@example.com").id
    assert [message["cc"] for message in api.get(MESSAGES).json["results"]] == [[], None]
    assert api.get(f"{MESSAGES}/{earlier}").json["cc"] == []


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"cc": ["Ada <ada@Example.com>", "b@example.com"]}, (["b@example.com"], [])),
        ({"cc": ["b@x.ir", "B <b@X.ir>", "B@x.ir"]}, (["b@x.ir", "B@x.ir"], [])),
        (
            {"cc": ["b@x.ir"], "bcc": ["ada@example.com", "b@x.ir", "c@x.ir", "c@x.ir"]},
            (["b@x.ir"], ["c@x.ir"]),
        ),
        ({"bcc": ["u@straße.de", "u@xn--strae-oqa.de"]}, ([], ["u@xn--strae-oqa.de"])),
    ],
)
def test_an_address_gets_a_mail_once(
    api: Api, app: Flask, accounts: Accounts, given: dict[str, Any], kept: tuple[list[str], list[str]]
) -> None:
    made = api.post(MESSAGES, email(**given)).json
    assert made["cc"] == kept[0]
    assert copies_of(app, made["id"]) == kept


def test_copies_are_fifty_together(api: Api, app: Flask, accounts: Accounts) -> None:
    most = ["Ensure this field has no more than 50 elements."]
    assert refused(api, app, email(cc=MANY)) == {"cc": most}
    assert refused(api, app, email(bcc=MANY)) == {"bcc": most}
    assert refused(api, app, email(cc=MANY[:25], bcc=MANY[25:])) == {"bcc": TOGETHER}
    assert api.post(MESSAGES, email(cc=MANY[:25], bcc=MANY[25:50])).status == 201


@pytest.mark.parametrize("field", ["cc", "bcc"])
@pytest.mark.parametrize(
    ("value", "errors"),
    [
        (["a@example.com", "b"], {"1": ADDRESS}),
        (
            ["a@example.com, b@example.com", "c@example.com", None],
            {"0": ADDRESS, "2": ["This field may not be null."]},
        ),
        (["a@example.com", True], {"1": ["Not a valid string."]}),
        ([""], {"0": ["This field may not be blank."]}),
        (["x\r\nBcc: e@example.com"], {"0": LINE}),
        (["x\r\nBcc: y <e@example.com>"], {"0": LINE}),
        (["=?utf-8?q?a?=@b.ir"], {"0": ["Encoded words (`=?…?=`) are not allowed in an email address."]}),
        ("a@example.com", ['Expected a list of items but got type "str".']),
        ({}, ['Expected a list of items but got type "dict".']),
    ],
)
def test_a_wrong_copy_is_told_by_its_index(
    api: Api, app: Flask, accounts: Accounts, field: str, value: Any, errors: Any
) -> None:
    assert refused(api, app, email(**{field: value})) == {field: errors}


def test_what_mails_have_does_not_belong_to_an_sms(api: Api, app: Flask, accounts: Accounts) -> None:
    foreign = {
        "cc": ["a@example.com"],
        "bcc": [],
        "unsubscribe_url": "https://example.com/",
        "attachments": [PICTURE],
    }
    assert refused(api, app, sms(**foreign)) == dict.fromkeys(foreign, NOT_FOR_SMS)


def test_all_of_a_bulk_request_get_what_is_common(api: Api, app: Flask, accounts: Accounts) -> None:
    common = email(cc=["b@example.com"], bcc=["c@example.com"], html="<p>", attachments=[PICTURE])
    del common["to"]
    recipients = [{"to": "a@example.com"}, {"to": "b@example.com"}]
    made = api.post(BULK, {"common": common, "recipients": recipients})
    assert made.status == 201
    page = api.get(f"{MESSAGES}?batch={made.json['batch']}").json["results"]
    assert [message["cc"] for message in page] == [[], ["b@example.com"]]
    assert {str(copies_of(app, message["id"])[1]) for message in page} == {"['c@example.com']"}


def test_a_bulk_request_tells_what_is_wrong_where_it_stands(api: Api, app: Flask, accounts: Accounts) -> None:
    wrong = email(cc=["b"], unsubscribe_url="http://example.com/")
    errors = {"cc": {"0": ADDRESS}, "unsubscribe_url": ["Only https is allowed."]}
    assert refused(api, app, {"messages": [email(), wrong]}, BULK) == {"messages": {"1": errors}}
    common = email(cc=MANY[:25], bcc=MANY[25:], attachments=[PICTURE])
    to = common.pop("to")
    assert refused(api, app, {"common": common, "recipients": [{"to": to}]}, BULK) == {
        "common": {"bcc": TOGETHER}
    }
    without_html = {**common, "bcc": []}
    shown = refused(api, app, {"common": without_html, "recipients": [{"to": to}] * 2}, BULK)
    assert shown["common"]["attachments"]["0"].keys() == {"content_id"}
    assert shown.keys() == {"common"}


def test_a_preview_takes_them(api: Api, app: Flask, accounts: Accounts) -> None:
    body = email(cc=["b@example.com"], bcc=["c@example.com"], unsubscribe_url="https://example.com/")
    answer = api.post(f"{MESSAGES}/preview", {**body, "html": "<p>", "attachments": [PICTURE]})
    assert answer.status == 200
    assert api.post(f"{MESSAGES}/preview", {**body, "attachments": [PICTURE]}).status == 400
    assert stored(app) == 0


def test_a_picture_needs_html_that_shows_it(api: Api, app: Flask, accounts: Accounts) -> None:
    words = ["There is no `html` that could show it."]
    errors = {"attachments": {"1": {"content_id": words}}}
    assert refused(api, app, email(attachments=[FILE, PICTURE])) == errors
    assert api.post(MESSAGES, email(html="<p>", attachments=[FILE, PICTURE])).status == 201


def test_a_content_id_names_one_picture(api: Api, app: Flask, accounts: Accounts) -> None:
    words = ["Another attachment of this message has it."]
    files = [PICTURE, FILE, PICTURE | {"content_id": "Logo"}, PICTURE]
    assert refused(api, app, email(html="<p>", attachments=files)) == {
        "attachments": {"3": {"content_id": words}}
    }
    assert api.post(MESSAGES, email(html="<p>", attachments=files[:3])).status == 201


@pytest.mark.parametrize(
    "content_id", ["logo", "logo.png", "part1.06090408@example.com", "A-1_~!$&'*+=", "x" * 255, 7]
)
def test_a_content_id_is_stored_as_given(
    api: Api, app: Flask, accounts: Accounts, content_id: str | int
) -> None:
    picture = PICTURE | {"content_id": content_id}
    made = api.post(MESSAGES, email(html="<p>", attachments=[picture, FILE | {"content_id": None}]))
    assert made.status == 201
    with app.app_context():
        files = db.session.get_one(Message, made.json["id"]).attachments
        assert [file.content_id for file in files] == [str(content_id), None]


@pytest.mark.parametrize(
    "content_id",
    [
        *(
            "<logo>",
            "cid:logo",
            "a b",
            "لوگو",
            "a#b",
            "a?b",
            "a/b",
            "a%41",
            "=?utf-8?q?a?=",
            "a@b@c",
            "@a",
            "a@",
        ),
        *(".a", "a.", "a..b", "a,b", "a;b", "a(b)", '"a"', "a\\b", "a[b]"),
    ],
)
def test_what_no_cid_url_can_name_is_refused(
    api: Api, app: Flask, accounts: Accounts, content_id: str
) -> None:
    picture = PICTURE | {"content_id": content_id}
    errors = refused(api, app, email(html="<p>", attachments=[FILE, picture]))["attachments"]
    [words] = errors["1"]["content_id"]
    assert "cid:" in words


@pytest.mark.parametrize(
    ("content_id", "words"),
    [
        ("a\nb", LINE),
        ("a\u2028b", LINE),
        ("x" * 256, ["Ensure this field has no more than 255 characters."]),
        ("", ["This field may not be blank."]),
        (True, ["Not a valid string."]),
    ],
)
def test_a_content_id_is_a_line(
    api: Api, app: Flask, accounts: Accounts, content_id: Any, words: list[str]
) -> None:
    body = email(html="<p>", attachments=[PICTURE | {"content_id": content_id}])
    assert refused(api, app, body) == {"attachments": {"0": {"content_id": words}}}


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://example.com/", ["Only https is allowed."]),
        ("https://u:p@example.com/", ["A URL with a user name or a password is not allowed."]),
        ("https://example.com/>", ["Enter a valid URL."]),
        ("https://example.com/\r\nBcc: e@example.com", LINE),
        ("https://example.com/".ljust(979, "x"), ["Ensure this field has no more than 978 characters."]),
        ("", ["This field may not be blank."]),
        ([], ["Not a valid string."]),
    ],
)
def test_a_url_to_unsubscribe_at_that_no_header_holds_is_refused(
    api: Api, app: Flask, accounts: Accounts, url: Any, words: list[str]
) -> None:
    assert refused(api, app, email(unsubscribe_url=url)) == {"unsubscribe_url": words}
