"""Many messages in one request over HTTP, and the batches that they make."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from notifyhub.extensions import db
from notifyhub.messages.models import Batch, Message, MessageAttachment, Status
from tests.conftest import Api, Queries
from tests.factories import MessageFactory
from tests.messages.sources import MESSAGES, Sources, store_sources

BULK = f"{MESSAGES}/bulk"
BATCHES = "/api/notifications/batches"
TO = "09121234567"
NO_DICTIONARY = "Invalid data. Expected a dictionary, but got {}."
FORMS = {"non_field_errors": ["Give `messages`, or `common` and `recipients`."]}
NULL = ["This field may not be null."]
FEW = ["Ensure this field has at least 1 elements."]
MANY = ["Ensure this field has no more than 1000 elements."]
NO_CHOICE = ['"fax" is not a valid choice.']
REQUIRED = ["This field is required."]
FILE = {"filename": "a.txt", "content_type": "text/plain", "content": "aGVsbG8="}


@pytest.fixture
def sources(app: Flask) -> Sources:
    return store_sources(app)


def sms(to: Any = TO, **fields: Any) -> dict[str, Any]:
    return {"channel": "sms", "to": to, "text": "Hello"} | fields


def number(n: int) -> str:
    return f"+98912{n:07}"


def stored(app: Flask) -> int:
    with app.app_context():
        models = (Message, Batch, MessageAttachment)
        return sum(db.session.scalar(select(func.count()).select_from(model)) or 0 for model in models)


def send(api: Api, body: dict[str, Any]) -> list[dict[str, Any]]:
    """Send the messages and return them in the order of their ids."""
    answer = api.post(BULK, body)
    assert answer.status == 201, answer.json
    assert list(answer.json) == ["batch", "count"]
    listed = api.get(f"{MESSAGES}?batch={answer.json['batch']}&limit=1000").json["results"]
    assert len(listed) == answer.json["count"]
    assert {message["batch"] for message in listed} == {answer.json["batch"]}
    return list(reversed(listed))


def check_refused(api: Api, app: Flask, body: dict[str, Any], errors: Any) -> None:
    answer = api.post(BULK, body)
    assert (answer.status, answer.json) == (400, errors)
    assert stored(app) == 0


def test_messages_of_all_kinds_make_one_batch(api: Api, app: Flask, sources: Sources) -> None:
    email = {"channel": "email", "to": "ada@example.com", "subject": "s", "html": "x"}
    messages = [
        sms(reference="first"),
        {"channel": "sms", "to": TO, "pattern": sources.named, "args": {"name": "Ada", "code": 7}},
        {"channel": "sms", "to": TO, "pattern": sources.positional, "args": [7]},
        email | {"attachments": [FILE, FILE | {"filename": "b.txt"}]},
        sms(notifier=sources.other_sms),
        email | {"attachments": [FILE | {"filename": "c.txt"}], "metadata": {"a": "b"}},
    ]
    made = send(api, {"messages": messages})
    assert [(message["channel"], message["text"]) for message in made] == [
        ("sms", "Hello"),
        ("sms", "Dear Ada, 7 is yours, Ada"),
        ("sms", "Your code is 7"),
        ("email", None),
        ("sms", "Hello"),
        ("email", None),
    ]
    assert made[0]["reference"] == "first"
    assert made[4]["notifier_data"]["id"] == sources.other_sms
    assert made[5]["metadata"] == {"a": "b"}
    with app.app_context():
        files = [
            [file.filename for file in db.session.get_one(Message, message["id"]).attachments]
            for message in made
        ]
    assert files == [[], [], [], ["a.txt", "b.txt"], [], ["c.txt"]]


def test_recipients_share_what_is_common(api: Api, sources: Sources) -> None:
    common = {"channel": "sms", "pattern": sources.positional, "args": ["0"], "reference": "r", "to": "x"}
    recipients = [
        {"to": number(1), "args": [1]},
        {"to": number(2)},
        {"to": number(3), "args": ["3"], "pattern": 99, "reference": "own"},
    ]
    made = send(api, {"common": common, "recipients": recipients})
    assert [(message["to"], message["args"], message["text"]) for message in made] == [
        (number(1), ["1"], "Your code is 1"),
        (number(2), ["0"], "Your code is 0"),
        (number(3), ["3"], "Your code is 3"),
    ]
    assert {message["reference"] for message in made} == {"r"}


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({}, FORMS),
        ({"common": {"channel": "sms", "text": "x"}}, FORMS),
        ({"messages": [sms()], "recipients": [{"to": TO}]}, FORMS),
        ({"messages": [sms()], "common": {}}, FORMS),
        ({"messages": None}, {"messages": NULL}),
        ({"messages": []}, {"messages": FEW}),
        ({"messages": [sms()] * 1001}, {"messages": MANY}),
        ({"messages": {"0": sms()}}, {"messages": ['Expected a list of items but got type "dict".']}),
        ({"common": {}, "recipients": None}, {"recipients": NULL}),
        ({"common": {}, "recipients": []}, {"recipients": FEW}),
        ({"common": {}, "recipients": [{}] * 1001}, {"recipients": MANY}),
        (
            {"common": [], "recipients": [{}]},
            {"common": ['Expected a dictionary of items but got type "list".']},
        ),
        (
            {"messages": [None, sms(), "x", 5, [sms()]]},
            {
                "messages": {
                    index: {"non_field_errors": [NO_DICTIONARY.format(kind)]}
                    for index, kind in {"0": "NoneType", "2": "str", "3": "int", "4": "list"}.items()
                }
            },
        ),
        (
            {"messages": [sms(), sms(channel="fax"), sms(), {}, sms(to="")]},
            {
                "messages": {
                    "1": {"channel": NO_CHOICE},
                    "3": {"channel": REQUIRED, "to": REQUIRED},
                    "4": {"to": ["This field may not be blank."]},
                }
            },
        ),
        (
            {"common": {"channel": "sms", "text": "x"}, "recipients": [{"to": TO}, {}, 5, {"to": None}]},
            {
                "recipients": {
                    "1": {"to": REQUIRED},
                    "2": {"non_field_errors": [NO_DICTIONARY.format("int")]},
                    "3": {"to": NULL},
                }
            },
        ),
        ({"common": {"channel": "fax"}, "recipients": [{"to": TO}] * 3}, {"common": {"channel": NO_CHOICE}}),
        ({"recipients": [{"to": TO}]}, {"common": {"channel": REQUIRED}}),
    ],
)
def test_what_is_wrong_is_told_by_index_and_nothing_is_stored(
    api: Api, app: Flask, sources: Sources, body: dict[str, Any], errors: Any
) -> None:
    check_refused(api, app, body, errors)


def test_errors_of_every_kind_stand_at_their_index(api: Api, app: Flask, sources: Sources) -> None:
    gone = 2**63 - 1
    messages = [sms()] * 1000
    messages[3] = sms(to="x")
    messages[500] = {"channel": "sms", "to": TO, "pattern": gone}
    messages[999] = sms(notifier=gone)
    answer = api.post(BULK, {"messages": messages})
    no_object = [f'Invalid pk "{gone}" - object does not exist.']
    assert answer.status == 400
    assert list(answer.json["messages"]) == ["3", "500", "999"]
    assert list(answer.json["messages"]["3"]) == ["to"]
    assert answer.json["messages"]["500"] == {"pattern": no_object}
    assert answer.json["messages"]["999"] == {"notifier": no_object}
    assert stored(app) == 0


def test_args_are_wrong_at_the_recipient_that_lacks_them(api: Api, app: Flask, sources: Sources) -> None:
    common = {"channel": "sms", "pattern": sources.positional}
    recipients = [
        {"to": TO, "args": ["1"]},
        {"to": TO},
        {"to": TO, "args": ["1", "2"]},
        {"to": TO, "args": None},
    ]
    needed = "Arguments needed: 1 ({0}); given: "
    errors = {
        "1": {"args": [f"{needed}0."]},
        "2": {"args": [f"{needed}2."]},
        "3": {"args": [f"{needed}0."]},
    }
    check_refused(api, app, {"common": common, "recipients": recipients}, {"recipients": errors})
    shared = {"common": common | {"args": []}, "recipients": recipients[:2]}
    check_refused(api, app, shared, {"common": {"args": [f"{needed}0."]}})


def test_a_thousand_messages_take_as_many_statements_as_few(
    api: Api, app: Flask, sources: Sources, queries: Queries
) -> None:
    """The token's, one each for patterns and notifiers, the batch's, and the messages' in a few parts."""

    def count(size: int) -> int:
        messages = [
            sms(number(n))
            if n % 2
            else {"channel": "sms", "to": number(n), "pattern": sources.two, "args": [n, n]}
            for n in range(size)
        ]
        with queries as statements:
            answer = api.post(BULK, {"messages": messages})
        assert (answer.status, answer.json["count"]) == (201, size)
        return len(statements)

    api.get("/api/me")  # the token's use is noted once a minute
    assert count(2) <= 5
    assert count(1000) <= 8
    made = send(api, {"messages": [sms(number(n)) for n in range(1000)]})
    assert [message["to"] for message in made] == [number(n) for n in range(1000)]


def test_a_batch_counts_its_messages_by_status(api: Api, app: Flask, sources: Sources) -> None:
    with app.app_context():
        MessageFactory()  # of no batch
    made = send(api, {"messages": [sms()] * 6})
    other = send(api, {"messages": [sms()]})[0]["batch"]
    batch = made[0]["batch"]
    shown = api.get(f"{BATCHES}/{batch}").json
    assert list(shown) == ["id", "count", "created_at", "statuses"]
    assert shown == {"id": batch, "count": 6, "created_at": made[0]["created_at"], "statuses": {"queued": 6}}
    with app.app_context():
        for message, status in zip(made, (Status.SENT, Status.SENT, Status.FAILED), strict=False):
            db.session.get_one(Message, message["id"]).status = status
        db.session.commit()
    api.post(f"{MESSAGES}/{made[5]['id']}/cancel")
    expected = {"queued": 2, "sent": 2, "failed": 1, "cancelled": 1}
    assert api.get(f"{BATCHES}/{batch}").json["statuses"] == expected
    assert api.get(f"{BATCHES}/{other}").json["statuses"] == {"queued": 1}


@pytest.mark.parametrize("id", ["0", "99999", str(2**63), "9" * 50])
def test_a_batch_that_is_not_there_is_404(api: Api, id: str) -> None:
    answer = api.get(f"{BATCHES}/{id}")
    assert (answer.status, answer.json) == (404, {"detail": "Not found."})


def test_a_batch_is_read_in_two_statements(api: Api, sources: Sources, queries: Queries) -> None:
    batch = send(api, {"messages": [sms()] * 20})[0]["batch"]
    with queries as statements:
        assert api.get(f"{BATCHES}/{batch}").status == 200
    assert len(statements) == 3  # with the token's


def test_a_test_tokens_messages_are_marked(app: Flask, sources: Sources, token: Callable[..., str]) -> None:
    tester = Api(app.test_client(), token(test=True))
    made = send(tester, {"common": {"channel": "sms", "text": "x"}, "recipients": [{"to": TO}] * 2})
    assert [message["test"] for message in made] == [True, True]
