"""The endpoints of webhooks and their deliveries."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from flask import Flask
from standardwebhooks import Webhook as Verifier

from notifyhub.database.base import now
from notifyhub.extensions import db
from notifyhub.webhooks import attempts, views
from notifyhub.webhooks.models import DeliveryStatus, Event
from notifyhub.webhooks.targets import NOT_PUBLIC, ONLY_HTTPS
from tests.support.clients import Api
from tests.support.databases import stored_text
from tests.support.factories import WebhookDeliveryFactory, WebhookFactory
from tests.support.queries import Queries
from tests.support.rows import context
from tests.webhooks.receiver import Receiver
from tests.webhooks.rows import deliveries, webhook

URL = "/api/notifications/webhooks"
TARGET = "https://shop.example.com/notifyhub"
BODY = {"url": TARGET, "events": ["message.sent", "otp.verified"]}
FIELDS = ["id", "url", "events", "is_active", "disabled_reason", "created_at", "updated_at"]
DELIVERY_FIELDS = [
    *("id", "event", "webhook_id", "status", "attempts", "response_status", "response_body", "error"),
    *("duration_ms", "next_attempt_at", "created_at"),
]


@pytest.fixture
def id_(app: Flask) -> int:
    """A webhook's id."""
    with app.app_context():
        return WebhookFactory().id  # type: ignore[no-any-return]


@pytest.fixture
def enqueued(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The deliveries that have been enqueued."""
    ids: list[int] = []
    monkeypatch.setattr(views, "enqueue", lambda some: ids.extend(some) or True)
    return ids


def store(app: Flask, webhook_id: int, count: int = 1, **values: Any) -> list[int]:
    with app.app_context():
        made = WebhookDeliveryFactory.create_batch(count, webhook_id=webhook_id, **values)
        return [one.id for one in made]


def test_a_webhook_is_made_with_a_secret_that_is_shown_once(app: Flask, api: Api) -> None:
    made = api.post(URL, BODY)
    assert made.status == 201
    assert list(made.json) == [*FIELDS, "secret"]
    secret = made.json.pop("secret")
    assert made.json["url"] == TARGET
    assert made.json["events"] == BODY["events"]
    assert (made.json["is_active"], made.json["disabled_reason"]) == (True, None)
    one = f"{URL}/{made.json['id']}"
    shown = {name: made.json[name] for name in FIELDS}
    assert api.get(one).json == shown
    assert api.get(URL).json["results"] == [shown]
    assert list(api.patch(one, {"events": ["message.failed"]}).json) == FIELDS
    with app.app_context():
        assert webhook(made.json["id"]).secret["current"] == secret
    assert secret not in stored_text(app)
    assert Verifier(secret)


WRONG: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"url": None}, {"url": ["This field may not be null."]}),
    ({"url": " "}, {"url": ["This field may not be blank."]}),
    ({"url": "shop"}, {"url": ["Enter a valid URL."]}),
    ({"url": True}, {"url": ["Not a valid string."]}),
    ({"url": f"{TARGET}/{'a' * 255}"}, {"url": ["Ensure this field has no more than 255 characters."]}),
    ({"url": "http://shop.example.com/"}, {"url": [ONLY_HTTPS]}),
    ({"url": "https://127.0.0.1/"}, {"url": [NOT_PUBLIC]}),
    ({"events": None}, {"events": ["This field may not be null."]}),
    ({"events": []}, {"events": ["Ensure this field has at least 1 elements."]}),
    ({"events": "message.sent"}, {"events": ['Expected a list of items but got type "str".']}),
    ({"events": ["message.read"]}, {"events": {"0": ['"message.read" is not a valid choice.']}}),
    ({"events": ["webhook.test"]}, {"events": {"0": ['"webhook.test" is not a valid choice.']}}),
    ({"events": [["message.sent"]]}, {"events": {"0": ["\"['message.sent']\" is not a valid choice."]}}),
    (
        {"events": ["message.sent", "otp.verified", "message.sent"]},
        {"events": {"2": ["message.sent stands in this list already."]}},
    ),
    ({"is_active": "perhaps"}, {"is_active": ["Must be a valid boolean."]}),
]


def test_what_is_wrong_is_refused_by_field(api: Api, id_: int) -> None:
    for change, errors in WRONG:
        for method, url, body in (
            ("POST", URL, {**BODY, **change}),
            ("PATCH", f"{URL}/{id_}", change),
            ("POST", f"{URL}/{id_}", change),
        ):
            answer = api.call(method, url, body)
            assert (answer.status, answer.json) == (400, errors)


def test_url_and_events_are_required(api: Api) -> None:
    required = ["This field is required."]
    assert api.post(URL, {}).json == {"url": required, "events": required}


def test_what_the_service_sets_is_ignored(api: Api, id_: int) -> None:
    before = api.get(f"{URL}/{id_}").json
    given = {
        "id": 99,
        "secret": "whsec_YQ==",
        "disabled_reason": "mine",
        "created_at": "2020-01-01T00:00:00Z",
    }
    assert api.patch(f"{URL}/{id_}", given).json == before
    assert api.post(URL, {**BODY, **given}).json["secret"] != "whsec_YQ=="


@pytest.mark.usefixtures("_allowed")
def test_an_allowed_target_may_be_private_and_plain(api: Api) -> None:
    assert api.post(URL, {**BODY, "url": "http://127.0.0.1:8000/hook"}).status == 201
    assert api.post(URL, {**BODY, "url": "http://127.0.0.2:8000/hook"}).status == 400


LISTED = [
    ("", [3, 2, 1]),
    ("search=SHOP", [2, 1]),
    ("search=shop m/a", [1]),
    ("event=message.sent", [2, 1]),
    ("event=otp.verified", [3, 2]),
    ("is_active=false", [3]),
    ("event=otp.verified&is_active=1", [2]),
    ("ordering=url", [3, 1, 2]),
    ("ordering=is_active,-id", [3, 2, 1]),
    ("id_min=2&id_max=2", [2]),
    ("limit=1&offset=1", [2]),
    ("created_date=2001-01-01", []),
]


def test_the_list_is_searched_filtered_and_ordered(app: Flask, api: Api) -> None:
    with app.app_context():
        first = WebhookFactory(url="https://shop.example.com/a", events=["message.sent"]).id
        WebhookFactory(url="https://shop.example.com/b", events=["message.sent", "otp.verified"])
        WebhookFactory(url="https://other.example.com/b", events=["otp.verified"], is_active=False)
    for query, shown in LISTED:
        answer = api.get(f"{URL}?{query.replace('=2', f'={first + 1}') if 'id_' in query else query}")
        assert [one["id"] - first + 1 for one in answer.json["results"]] == shown, query


def test_a_wrong_parameter_is_refused(api: Api) -> None:
    for query in ("event=message.read", "is_active=x", "ordering=secret", "limit=0"):
        answer = api.get(f"{URL}?{query}")
        assert answer.status == 400
        assert list(answer.json) == [query.partition("=")[0]]


def test_setting_it_active_revives_a_webhook(app: Flask, api: Api) -> None:
    with app.app_context():
        id_ = WebhookFactory(is_active=False, disabled_reason="It failed.", failing_since=now()).id
    assert api.get(f"{URL}/{id_}").json["disabled_reason"] == "It failed."
    assert api.patch(f"{URL}/{id_}", {"events": ["message.sent"]}).json["disabled_reason"] == "It failed."
    revived = api.patch(f"{URL}/{id_}", {"is_active": True}).json
    assert (revived["is_active"], revived["disabled_reason"]) == (True, None)
    with app.app_context():
        assert webhook(id_).failing_since is None


def test_the_failures_of_another_url_are_forgotten(app: Flask, api: Api) -> None:
    with app.app_context():
        id_ = WebhookFactory(failing_since=now()).id
    for url, kept in ((TARGET, True), ("https://shop.example.com/new", False)):
        assert api.patch(f"{URL}/{id_}", {"url": url}).status == 200
        with app.app_context():
            assert (webhook(id_).failing_since is not None) is kept


def test_deleting_a_webhook_deletes_its_deliveries(app: Flask, api: Api, id_: int) -> None:
    store(app, id_, 2)
    assert api.delete(f"{URL}/{id_}").status == 204
    assert api.get(f"{URL}/{id_}/deliveries").status == 404
    with app.app_context():
        assert deliveries() == []


def test_a_secret_is_rotated(app: Flask, api: Api) -> None:
    made = api.post(URL, BODY).json
    answer = api.post(f"{URL}/{made['id']}/rotate-secret")
    assert answer.status == 200
    assert list(answer.json) == ["secret"]
    assert answer.json["secret"] != made["secret"]
    with app.app_context():
        kept = webhook(made["id"]).secret
    assert kept["current"] == answer.json["secret"]
    ((old, until),) = kept["earlier"]
    assert old == made["secret"]
    assert abs(datetime.fromisoformat(until) - now() - timedelta(hours=24)) < timedelta(minutes=1)


@pytest.mark.usefixtures("_allowed")
def test_a_test_event_is_made_and_delivered(
    app: Flask, api: Api, receiver: Receiver, enqueued: list[int]
) -> None:
    made = api.post(URL, {**BODY, "url": receiver.url}).json
    answer = api.post(f"{URL}/{made['id']}/test")
    assert answer.status == 201
    assert list(answer.json) == DELIVERY_FIELDS
    assert (answer.json["event"], answer.json["status"]) == ("webhook.test", "pending")
    assert enqueued == [answer.json["id"]]
    with context(app):
        attempts.deliver(answer.json["id"])
    (body,) = receiver.verified(made["secret"])
    assert (body["type"], body["data"]) == ("webhook.test", {"id": made["id"], "test": False})
    (shown,) = api.get(f"{URL}/{made['id']}/deliveries").json["results"]
    assert (shown["status"], shown["attempts"], shown["response_status"]) == ("delivered", 1, 200)
    assert (shown["response_body"], shown["error"], shown["next_attempt_at"]) == ("ok", None, None)
    assert shown["webhook_id"] == receiver.ids()[0]


@pytest.mark.usefixtures("_allowed")
def test_a_test_event_waits_for_no_other(
    app: Flask, api: Api, receiver: Receiver, enqueued: list[int]
) -> None:
    id_ = api.post(URL, {**BODY, "url": receiver.url}).json["id"]
    receiver.reply(500)
    for _ in range(2):
        api.post(f"{URL}/{id_}/test")
        with context(app):
            attempts.deliver(enqueued[-1])
    with app.app_context():
        assert [each.status for each in deliveries()] == [DeliveryStatus.PENDING, DeliveryStatus.DELIVERED]


@pytest.mark.usefixtures("_allowed")
def test_a_redelivery_is_the_same_event_again(
    app: Flask, api: Api, receiver: Receiver, enqueued: list[int]
) -> None:
    made = api.post(URL, {**BODY, "url": receiver.url}).json
    receiver.reply(410)
    (first,) = store(app, made["id"], data='{"id":5}')
    url = f"{URL}/{made['id']}/deliveries"
    with context(app):
        attempts.deliver(first)
    api.patch(f"{URL}/{made['id']}", {"is_active": True})
    for _ in range(2):
        again = api.post(f"{url}/{first}/redeliver")
        assert again.status == 201
        assert list(again.json) == DELIVERY_FIELDS
        assert (again.json["status"], again.json["attempts"]) == ("pending", 0)
        with context(app):
            attempts.deliver(again.json["id"])
    once_more = api.post(f"{url}/{again.json['id']}/redeliver").json
    with context(app):
        attempts.deliver(once_more["id"])
    assert enqueued[-1] == once_more["id"]
    assert len(receiver.requests) == 4
    assert len({request.raw for request in receiver.requests}) == 1
    assert len(set(receiver.ids())) == 1
    assert {one["webhook_id"] for one in api.get(url).json["results"]} == set(receiver.ids())
    assert {body["sequence"] for body in receiver.bodies()} == {first}


def test_deliveries_are_listed_newest_first_by_cursor(app: Flask, api: Api, id_: int) -> None:
    ids = store(app, id_, 5)
    with app.app_context():
        store(app, WebhookFactory().id, 2)
    url, found = f"{URL}/{id_}/deliveries?limit=2", []
    while url:
        page = api.get(url).json
        assert list(page) == ["next", "previous", "results"]
        found += [one["id"] for one in page["results"]]
        url = page["next"]
    assert found == ids[::-1]


FILTERED = [
    ("status=failed", [2]),
    ("status=failed,pending", [3, 2, 1]),
    ("event=message.failed", [3]),
    ("event=message.sent&status=pending", [1]),
    ("", [3, 2, 1]),
    ("status=", [3, 2, 1]),
]


def test_deliveries_are_filtered(app: Flask, api: Api, id_: int) -> None:
    (first,) = store(app, id_)
    store(app, id_, status=DeliveryStatus.FAILED, next_attempt_at=None)
    store(app, id_, event=Event.MESSAGE_FAILED)
    for query, shown in FILTERED:
        found = api.get(f"{URL}/{id_}/deliveries?{query}").json["results"]
        assert [one["id"] - first + 1 for one in found] == shown, query


def test_a_wrong_parameter_of_the_deliveries_is_refused(api: Api, id_: int) -> None:
    for query, status in (
        *(("status=lost", 400), ("event=lost", 400), ("limit=0", 400), ("cursor=lost", 404)),
        *(("webhook=1", 400), ("stauts=", 400)),
    ):
        assert api.get(f"{URL}/{id_}/deliveries?{query}").status == status


def test_what_is_not_there_is_404(app: Flask, api: Api, id_: int) -> None:
    (delivery,) = store(app, id_)
    other = api.post(URL, BODY).json["id"]
    for method, path in (
        ("GET", "/999"),
        ("PATCH", "/999"),
        ("DELETE", "/999"),
        ("POST", "/999/rotate-secret"),
        ("POST", "/999/test"),
        ("GET", "/999/deliveries"),
        ("GET", "/999/deliveries?limit=0"),
        ("POST", f"/999/deliveries/{delivery}/redeliver"),
        ("POST", f"/{other}/deliveries/{delivery}/redeliver"),
        ("POST", f"/{id_}/deliveries/999/redeliver"),
        ("POST", "/999/recover"),
    ):
        answer = api.call(method, URL + path)
        assert (answer.status, answer.json) == (404, {"detail": "Not found."}), path


@pytest.fixture
def _one_minute() -> Iterator[None]:
    """Stop the clock: a token's use is written once a minute."""
    with time_machine.travel(datetime(2025, 3, 1, tzinfo=UTC), tick=False):
        yield


@pytest.mark.usefixtures("_one_minute")
@pytest.mark.parametrize(
    ("method", "path", "statements"),
    [
        ("POST", "", 4),  # its id first, for which its secret is encrypted
        ("GET", "", 2),
        ("GET", "/{id}", 2),
        ("PATCH", "/{id}", 4),
        ("POST", "/{id}/rotate-secret", 4),
        ("POST", "/{id}/test", 2),
        ("GET", "/{id}/deliveries", 3),
        ("POST", "/{id}/deliveries/{delivery}/redeliver", 3),
        ("DELETE", "/{id}", 3),
    ],
)
def test_each_operation_takes_few_statements(
    app: Flask, api: Api, queries: Queries, id_: int, method: str, path: str, statements: int
) -> None:
    delivery, *_ = store(app, id_, 20)
    with app.app_context():
        WebhookFactory.create_batch(20)
        db.session.remove()
    api.get("/api/me")
    body = (
        {"url": "https://new.example.com/", "events": ["message.sent"]} if not path.count("/") > 1 else None
    )
    with queries as sent:
        answer = api.call(
            method, URL + path.format(id=id_, delivery=delivery), body if method != "GET" else None
        )
    assert answer.status in {200, 201, 204}
    assert len(sent) == statements, sent
