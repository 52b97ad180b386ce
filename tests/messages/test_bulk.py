"""Many messages in one request: all or none."""

from base64 import b64encode
from collections.abc import Iterable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event, select

from notifyhub.extensions import db
from notifyhub.messages.models import Message
from tests.messages.accounts import BATCHES, MESSAGES, Accounts
from tests.messages.bodies import by_pattern, email, sms, stored
from tests.support.clients import Api
from tests.support.factories import EmailPatternFactory, MessageFactory, SMSNotifierFactory, SMSPatternFactory
from tests.support.queries import Queries

BULK = f"{MESSAGES}/bulk"


def test_messages_of_all_kinds_become_a_batch(api: Api, accounts: Accounts) -> None:
    messages = [by_pattern(accounts.pattern), email(), sms(text="سلام")]
    answer = api.post(BULK, {"messages": messages})
    assert (answer.status, answer.json["count"]) == (201, 3)
    page = api.get(f"{MESSAGES}?batch={answer.json['batch']}").json["results"]
    assert [message["text"] for message in page] == ["سلام", "Hello", "Your login code is 12345"]
    assert {message["batch"] for message in page} == {answer.json["batch"]}


def test_recipients_share_what_is_common(api: Api, accounts: Accounts) -> None:
    common = by_pattern(accounts.pattern, ["0"], reference="r")
    del common["to"]
    recipients = [{"to": "09121234567", "args": ["1"]}, {"to": "09121234568"}]
    answer = api.post(BULK, {"common": common, "recipients": recipients})
    assert answer.status == 201
    page = api.get(f"{MESSAGES}?batch={answer.json['batch']}").json["results"]
    assert [(m["to"], m["args"], m["reference"]) for m in page] == [
        ("+989121234568", ["0"], "r"),
        ("+989121234567", ["1"], "r"),
    ]


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({}, {"non_field_errors"}),
        ({"common": {}}, {"common"}),
        ({"common": {"channel": "sms"}}, {"non_field_errors"}),
        ({"common": {"channel": "sms", "to": "x"}, "recipients": [{}]}, {"common"}),
        ({"recipients": [{}]}, {"common"}),
        ({"messages": [], "recipients": []}, {"messages", "recipients"}),
        ({"messages": []}, {"messages"}),
        ({"messages": None}, {"messages"}),
        ({"messages": "x"}, {"messages"}),
        ({"messages": {"0": {}}}, {"messages"}),
        ({"messages": [{}] * 1001}, {"messages"}),
        ({"common": [], "recipients": [{}]}, {"common"}),
        ({"messages": [{"channel": "sms"}], "common": {"channel": "sms"}}, {"non_field_errors"}),
        ({"common": {"channel": "email"}, "recipients": []}, {"recipients"}),
    ],
)
def test_another_form_is_refused(api: Api, app: Flask, body: dict[str, Any], errors: set[str]) -> None:
    answer = api.post(BULK, body)
    assert (answer.status, set(answer.json)) == (400, errors)
    assert stored(app) == 0


def test_one_wrong_message_refuses_all_with_its_errors_by_index(
    api: Api, app: Flask, accounts: Accounts
) -> None:
    messages = [
        by_pattern(accounts.pattern),
        7,
        by_pattern(accounts.pattern, to="x", args=[]),
        email(),
        {"channel": "sms"},
        email(notifier=99),
    ]
    answer = api.post(BULK, {"messages": messages})
    assert answer.status == 400
    assert set(answer.json) == {"messages"}
    errors = answer.json["messages"]
    assert {index: set(wrong) for index, wrong in errors.items()} == {
        "1": {"non_field_errors"},
        "2": {"to", "args"},
        "4": {"to"},
        "5": {"notifier"},
    }
    assert list(errors) == ["1", "2", "4", "5"]
    assert stored(app) == 0


def test_what_is_wrong_in_common_is_told_once(api: Api, app: Flask, accounts: Accounts) -> None:
    common = {"channel": "sms", "pattern": accounts.pattern, "html": "x"}
    recipients = [{"to": "09121234567", "args": ["1"]}, {"to": "x", "args": []}, "x"]
    answer = api.post(BULK, {"common": common, "recipients": recipients})
    assert answer.status == 400
    assert set(answer.json["common"]) == {"html"}
    assert {index: set(wrong) for index, wrong in answer.json["recipients"].items()} == {
        "1": {"to", "args"},
        "2": {"non_field_errors"},
    }
    without_args = api.post(BULK, {"common": common, "recipients": [{"to": "09121234567"}]})
    assert set(without_args.json["common"]) == {"html"}
    assert set(without_args.json["recipients"]["0"]) == {"args"}
    assert stored(app) == 0


def test_a_thousand_messages_take_a_handful_of_statements(
    api: Api, app: Flask, accounts: Accounts, queries: Queries
) -> None:
    with app.app_context():
        patterns = [
            SMSPatternFactory(notifier_id=SMSNotifierFactory().id, status="approved").id for _ in range(20)
        ]
    messages = [
        by_pattern(patterns[n % 20], to=f"0912{n:07}")
        if n % 3
        else email(**({"notifier": accounts.email} if n % 2 else {}))
        for n in range(1000)
    ]
    api.get("/api/me")  # which notes the token's use
    with queries as sent:
        answer = api.post(BULK, {"messages": messages})
    assert (answer.status, answer.json["count"]) == (201, 1000)
    assert len(sent) <= 8, [statement[:80] for statement in sent]


def test_attachments_stay_with_their_messages(api: Api, app: Flask, accounts: Accounts) -> None:
    def attached(n: int) -> dict[str, Any]:
        files = [
            {"filename": f"{n}-{m}", "content_type": "text/plain", "content": "aGk="} for m in range(n % 3)
        ]
        return email(subject=str(n), attachments=files)

    assert api.post(BULK, {"messages": [attached(n) for n in range(30)]}).status == 201
    with app.app_context():
        for message in db.session.scalars(select(Message)):
            names = [f"{message.subject}-{m}" for m in range(int(message.subject or 0) % 3)]
            assert [attachment.filename for attachment in message.attachments] == names


def test_a_batch_counts_its_messages_by_status_in_the_order_of_their_life(
    api: Api, app: Flask, accounts: Accounts
) -> None:
    batch = api.post(BULK, {"messages": [by_pattern(accounts.pattern)] * 5}).json["batch"]
    with app.app_context():
        ids = db.session.scalars(select(Message.id).order_by(Message.id)).all()
        for id_, status in zip(ids, ("delivered", "delivered", "failed", "sending"), strict=False):
            db.session.get_one(Message, id_).status = status
        MessageFactory(status="sent")
        db.session.commit()
    shown = api.get(f"{BATCHES}/{batch}").json
    assert list(shown) == ["id", "count", "created_at", "statuses"]
    assert (shown["id"], shown["count"]) == (batch, 5)
    assert list(shown["statuses"].items()) == [("queued", 1), ("sending", 1), ("delivered", 2), ("failed", 1)]


def test_what_patterns_make_of_one_request_has_a_bound(api: Api, app: Flask, accounts: Accounts) -> None:
    with app.app_context():
        long = EmailPatternFactory(
            notifier_id=accounts.email, subject="{0}", body_text="x", body_html="h" * 500_000
        ).id
    common = {"channel": "email", "pattern": long}
    recipients = [{"to": f"customer{number}@example.com", "args": ["1"]} for number in range(41)]
    answer = api.post(BULK, {"common": common, "recipients": recipients})
    assert (answer.status, set(answer.json["recipients"])) == (400, {"39"})
    (words,) = answer.json["recipients"]["39"]["args"]
    assert "more than 20000000 characters" in words
    assert stored(app) == 0
    assert api.post(BULK, {"common": common, "recipients": recipients[:39]}).json["count"] == 39


def for_many(count: int, **content: Any) -> dict[str, Any]:
    common = {"channel": "email", "subject": "Hello", "text": "Hello", **content}
    return {"common": common, "recipients": [{"to": f"{n}@example.com"} for n in range(count)]}


@pytest.mark.parametrize("content", ["html", "attachments"])
def test_what_all_messages_of_one_request_hold_has_a_bound(
    api: Api, app: Flask, accounts: Accounts, content: str
) -> None:
    file = {"filename": "a", "content_type": "a/b", "content": b64encode(bytes(500_000)).decode()}
    many = for_many(1000, **{content: [file] if content == "attachments" else 500_000 * "ی"})
    answer = api.post(BULK, many)
    assert answer.status == 400
    ((index, errors),) = answer.json["recipients"].items()
    assert (index, list(errors)) == ("399", ["non_field_errors"])  # 200 million, and what they say beside
    assert stored(app) == 0


def test_no_statement_is_given_more_than_a_few_of_large_messages(
    api: Api, app: Flask, accounts: Accounts
) -> None:
    lengths = []

    def note(_connection: Any, _cursor: Any, _statement: str, parameters: Any, *_: Any) -> None:
        lengths.append(length(parameters))

    file = {"filename": "a", "content_type": "a/b", "content": b64encode(bytes(1_000_000)).decode()}
    with app.app_context():
        engines = list(db.engines.values())
    for engine in engines:
        event.listen(engine, "before_cursor_execute", note)
    try:
        answer = api.post(BULK, for_many(10, html=1_000_000 * "x", attachments=[file]))
    finally:
        for engine in engines:
            event.remove(engine, "before_cursor_execute", note)
    assert answer.status == 201
    assert sum(lengths) > 10_000_000
    assert max(lengths) < 5_000_000
    with app.app_context():
        held = [(len(one.html or ""), len(one.attachments)) for one in db.session.scalars(select(Message))]
    assert held == 10 * [(1_000_000, 1)]


def length(parameters: Any) -> int:
    """Return how many characters and bytes a statement is given, in whatever shape."""
    if isinstance(parameters, str | bytes):
        return len(parameters)
    values = parameters.values() if isinstance(parameters, dict) else parameters
    return sum(map(length, values)) if isinstance(values, Iterable) else 0
