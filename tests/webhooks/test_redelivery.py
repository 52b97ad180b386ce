"""Sending a webhook again what it has missed: every event whose delivery has failed, once, in order."""

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from notifyhub.api.http.json import timestamp
from notifyhub.database.base import now
from notifyhub.extensions import db
from notifyhub.webhooks import attempts, recovery, redelivery, views
from notifyhub.webhooks.models import TEST, DeliveryStatus, WebhookDelivery
from tests.support.clients import Answer, Api
from tests.support.factories import WebhookDeliveryFactory, WebhookFactory
from tests.support.queries import Queries
from tests.support.rows import context
from tests.webhooks.receiver import Receiver
from tests.webhooks.rows import deliveries

URL = "/api/notifications/webhooks"
START = datetime(2025, 3, 1, 12, tzinfo=UTC)
SECOND, MICROSECOND = timedelta(seconds=1), timedelta(microseconds=1)
OVER: dict[str, Any] = {"status": DeliveryStatus.FAILED, "next_attempt_at": None, "attempts": 8}

pytestmark = pytest.mark.usefixtures("_allowed")


@pytest.fixture
def hook(app: Flask, receiver: Receiver) -> int:
    """The id of a webhook that leads to the receiver."""
    with app.app_context():
        return WebhookFactory(url=receiver.url).id  # type: ignore[no-any-return]


@pytest.fixture
def enqueued(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The deliveries that have been enqueued; each has been committed before."""
    ids: list[int] = []

    def enqueue(some: list[int]) -> bool:
        with db.engine.connect() as other:
            assert set(other.scalars(select(WebhookDelivery.id))) >= set(some)
        ids.extend(some)
        return True

    monkeypatch.setattr(views, "enqueue", enqueue)
    return ids


def store(app: Flask, hook: int, **values: Any) -> int:
    """Store a delivery that has failed, of START."""
    with app.app_context():
        made = {"webhook_id": hook, "created_at": START, **OVER, **values}
        return WebhookDeliveryFactory(**made).id  # type: ignore[no-any-return]


def recover(api: Api, hook: int, since: datetime = START, until: datetime | None = None) -> Answer:
    span = {"since": since, **({"until": until} if until else {})}
    return api.post(f"{URL}/{hook}/recover", {name: timestamp(moment) for name, moment in span.items()})


def count(api: Api, *span: Any) -> int:
    answer = recover(api, *span)
    assert (answer.status, list(answer.json)) == (200, ["count"])
    return int(answer.json["count"])


def pending(app: Flask) -> list[WebhookDelivery]:
    with app.app_context():
        return [one for one in deliveries() if one.next_attempt_at]


def test_what_has_failed_is_sent_again_as_the_same_event(
    app: Flask, api: Api, receiver: Receiver, hook: int, enqueued: list[int]
) -> None:
    failed = store(app, hook, data='{"id":5}', response_status=500, error="The receiver answered 500.")
    assert count(api, hook) == 1
    with context(app):
        original, made = deliveries()
        assert enqueued == [made.id]
        attempts.deliver(made.id)
    (request,) = receiver.requests
    assert request.headers["webhook-id"] == original.uid == made.uid
    assert request.body == {
        "type": "message.sent",
        "timestamp": timestamp(original.happened_at),
        "sequence": failed,
        "data": {"id": 5},
    }
    again, first = api.get(f"{URL}/{hook}/deliveries").json["results"]
    assert (again["status"], again["attempts"], again["response_status"]) == ("delivered", 1, 200)
    assert (first["status"], first["attempts"], first["response_status"]) == ("failed", 8, 500)
    assert first["error"] == "The receiver answered 500."


@pytest.mark.parametrize(
    ("since", "until", "found"),
    [
        (START, START, 1),
        (START + MICROSECOND, None, 0),
        (START - SECOND, START - MICROSECOND, 0),
        (START - SECOND, None, 1),
        (START + SECOND, START - SECOND, 0),
        (START + timedelta(days=365_000), None, 0),
    ],
)
def test_both_ends_of_the_span_belong_to_it(
    app: Flask, api: Api, hook: int, enqueued: list[int], since: datetime, until: datetime | None, found: int
) -> None:
    store(app, hook)
    assert count(api, hook, since, until) == found
    assert len(enqueued) == found


def test_only_what_has_failed_at_this_webhook_is_sent_again(
    app: Flask, api: Api, hook: int, enqueued: list[int]
) -> None:
    store(app, hook, status=DeliveryStatus.DELIVERED)
    store(app, hook, status=DeliveryStatus.PENDING, next_attempt_at=now() + SECOND)
    with app.app_context():
        other = WebhookFactory().id
    store(app, other)
    assert count(api, hook) == 0
    assert enqueued == []
    with app.app_context():
        assert len(deliveries()) == 3


def test_an_event_that_was_redelivered_since_is_not_sent_a_third_time(
    app: Flask, api: Api, receiver: Receiver, hook: int, enqueued: list[int]
) -> None:
    failed, other = store(app, hook), store(app, hook)
    made = api.post(f"{URL}/{hook}/deliveries/{failed}/redeliver").json["id"]
    assert count(api, hook) == 1
    with context(app):
        attempts.deliver(made)
    assert count(api, hook) == 0
    with app.app_context():
        assert [one.sequence for one in deliveries()] == [None, None, failed, other]


def test_what_fails_again_can_be_sent_again_by_the_same_request(
    app: Flask, api: Api, receiver: Receiver, hook: int, enqueued: list[int]
) -> None:
    store(app, hook)
    receiver.reply(410)
    for _ in range(2):
        assert count(api, hook, START, START) == 1
        assert count(api, hook, START, START) == 0
        with context(app):
            attempts.deliver(enqueued[-1])
        api.patch(f"{URL}/{hook}", {"is_active": True})
    assert len(receiver.requests) == 2
    assert len(set(receiver.ids())) == 1
    assert count(api, hook, START, START) == 0


def test_an_event_that_failed_more_than_once_is_sent_once(
    app: Flask, api: Api, hook: int, enqueued: list[int]
) -> None:
    for seconds in range(3):
        store(app, hook, uid="msg_one", sequence=7, created_at=START + seconds * SECOND)
    assert count(api, hook) == 1
    (made,) = pending(app)
    assert (made.uid, made.sequence) == ("msg_one", 7)


def test_the_events_of_an_object_go_out_in_order(
    app: Flask, api: Api, receiver: Receiver, hook: int, enqueued: list[int]
) -> None:
    first = store(app, hook, object_id=5)
    second = store(app, hook, object_id=5, created_at=START + SECOND)
    other = store(app, hook, object_id=6)
    # A later event of the object that waits for its next attempt, and an old one that failed once more.
    waiting = {"status": DeliveryStatus.PENDING, "attempts": 1, "next_attempt_at": now()}
    later = store(app, hook, object_id=5, **waiting)
    store(app, hook, object_id=7, sequence=first + 100)
    store(app, hook, object_id=7, sequence=first - 1)
    assert count(api, hook) == 5
    made = pending(app)
    by_sequence = {one.sequence: one.id for one in made if one.id != later}
    assert list(by_sequence) == [first - 1, first, second, other, first + 100]
    assert enqueued == [by_sequence[first - 1], by_sequence[first], by_sequence[other]]
    with context(app):
        for one in (later, *sorted(by_sequence.values(), reverse=True)) * 3:
            attempts.deliver(one)
    sent = [body["sequence"] for body in receiver.bodies()]
    assert sorted(sent) == sorted([*by_sequence, later])
    assert [one for one in sent if one in (first, second, later)] == [first, second, later]
    assert sent.index(first - 1) < sent.index(first + 100)


def test_what_waits_for_another_is_enqueued_when_that_is_over(
    app: Flask, api: Api, receiver: Receiver, hook: int, enqueued: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        store(app, hook, object_id=5)
    assert count(api, hook) == 3
    monkeypatch.setattr(attempts, "enqueue", lambda some: enqueued.extend(some) or True)
    with context(app):
        for place in range(3):
            attempts.deliver(enqueued[place])
    with app.app_context():
        assert enqueued == [one.id for one in deliveries()][3:]
    assert len(receiver.requests) == 3


def test_test_events_that_failed_are_sent_again_and_wait_for_none(
    app: Flask, api: Api, hook: int, enqueued: list[int]
) -> None:
    for _ in range(2):
        store(app, hook, event=TEST, kind="webhook", object_id=None)
    assert count(api, hook) == 2
    assert enqueued == [one.id for one in pending(app)]


def test_a_webhook_that_is_not_active_is_refused_and_nothing_is_made(
    app: Flask, api: Api, hook: int, enqueued: list[int]
) -> None:
    store(app, hook)
    api.patch(f"{URL}/{hook}", {"is_active": False})
    answer = recover(api, hook)
    assert (answer.status, answer.json) == (409, {"detail": views.NOT_ACTIVE})
    assert pending(app) == []
    assert recover(api, 999).status == 404
    assert api.post(f"{URL}/{hook}/recover", {}).status == 400
    api.patch(f"{URL}/{hook}", {"is_active": True})
    assert count(api, hook) == 1


WRONG: list[tuple[Any, Any]] = [
    ({}, {"since": ["This field is required."]}),
    ({"since": None}, {"since": ["This field may not be null."]}),
    ({"since": "2025-03-01T12:00:00Z", "to": 1}, {"to": ["Unknown field."]}),
]


def test_a_wrong_span_is_refused(app: Flask, api: Api, hook: int) -> None:
    for body, errors in WRONG:
        answer = api.post(f"{URL}/{hook}/recover", body)
        assert (answer.status, answer.json) == (400, errors)
    for name in ("since", "until"):
        answer = api.post(f"{URL}/{hook}/recover", {"since": timestamp(START), name: "yesterday"})
        assert (answer.status, list(answer.json)) == (400, [name])
    assert api.post(f"{URL}/{hook}/recover", {"since": timestamp(START), "until": None}).json == {"count": 0}


def test_of_two_requests_at_once_one_finds_nothing_left(
    app: Flask, api: Api, hook: int, enqueued: list[int]
) -> None:
    for _ in range(30):
        store(app, hook)
    clients = [Api(app.test_client(), api.token) for _ in range(4)]
    found: list[int] = []
    threads = [
        threading.Thread(target=lambda client=client: found.append(count(client, hook))) for client in clients
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [0, 0, 0, 30]
    assert len(pending(app)) == 30


@pytest.mark.parametrize("failed", [1, 40])
def test_it_takes_a_few_statements_however_many_have_failed(
    app: Flask, api: Api, queries: Queries, hook: int, failed: int
) -> None:
    for _ in range(failed):
        store(app, hook)
    api.get("/api/me")
    with queries as sent:
        assert count(api, hook) == failed
    assert len(sent) == 4, sent


def test_beyond_some_hundred_the_recovery_enqueues(
    app: Flask, api: Api, hook: int, enqueued: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    # The statement has the limit in it: it is made anew.
    monkeypatch.setattr(redelivery, "_unblocked", redelivery._unblocked.limit(2))
    for _ in range(3):
        store(app, hook)
    assert count(api, hook) == 3
    made = [one.id for one in pending(app)]
    assert enqueued == made[:2]
    with context(app):
        taken: list[int] = []
        at_once = {"published_within": timedelta(0), "enqueue": lambda ids: taken.extend(ids) or True}
        monkeypatch.setattr(recovery, "_dispatcher", replace(recovery._dispatcher, **at_once))
        assert recovery.recover() == 3
        assert sorted(taken) == made
