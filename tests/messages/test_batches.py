"""Batches: listed, cancelled and retried as a whole, whatever their size and whoever claims meanwhile."""

import time
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Connection, insert, select, text

from notifyhub.database.base import now
from notifyhub.database.connections import AUTOCOMMIT, is_postgresql
from notifyhub.delivery.rounds import claim
from notifyhub.extensions import db
from notifyhub.messages.events import MessagesDue
from notifyhub.messages.models import ERASED, Batch, Message, MessageStatus
from notifyhub.messages.transitions import CANCELLABLE, RETRIABLE
from tests.messages.accounts import BATCHES, MESSAGES, Accounts
from tests.messages.bodies import sms
from tests.support.clients import Api
from tests.support.events import subscribed
from tests.support.factories import SMSNotifierFactory
from tests.support.queries import Queries

NOON = datetime(2025, 3, 1, 12, tzinfo=UTC)
CLAIMED = {"status": MessageStatus.SENDING, "lease_token": "x", "lease_until": NOON}


def make(app: Flask, messages: Iterable[dict[str, Any]], created_at: datetime = NOON) -> int:
    """Store a batch of messages, given by what is special about them; return its id."""
    with app.app_context():
        notifier = SMSNotifierFactory().id
        common = {
            "channel": "sms",
            "status": MessageStatus.QUEUED,
            "recipient": "+989121234567",
            "notifier_id": notifier,
            "home_notifier_id": notifier,
            "notifier_name": "n",
            "next_attempt_at": now(),
            "expires_at": now() + timedelta(days=1),
        }
        special = [dict(message) for message in messages]
        blank = dict.fromkeys({name for message in special for name in message})
        rows = [{**blank, **common, **message} for message in special]
        with db.engine.begin() as connection:
            made = insert(Batch).values(count=len(rows), created_at=created_at).returning(Batch.id)
            id_: int = connection.execute(made).scalar_one()
            connection.execute(insert(Message), [{**row, "batch_id": id_} for row in rows])
        return id_


def read(app: Flask, batch: int) -> list[Message]:
    with app.app_context():
        return list(db.session.scalars(select(Message).filter_by(batch_id=batch).order_by(Message.id)))


def test_the_list_shows_what_each_batch_shows_newest_first(api: Api, app: Flask) -> None:
    made = [
        make(app, [{"status": "failed"}, {"status": "queued"}, {"status": "failed"}]),
        make(app, [{"status": "sent"}]),
        make(app, [{"status": "delivered", "recipient": ERASED}]),
    ]
    first = api.get(f"{BATCHES}?limit=2").json
    assert (list(first), first["previous"]) == (["next", "previous", "results"], None)
    rest = api.get(first["next"]).json
    shown = first["results"] + rest["results"]
    assert [batch["id"] for batch in shown] == made[::-1]
    assert shown == [api.get(f"{BATCHES}/{id_}").json for id_ in made[::-1]]
    assert list(shown[2]["statuses"].items()) == [("queued", 1), ("failed", 2)]
    assert rest["next"] is None
    assert api.get(rest["previous"]).json["results"] == first["results"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", [2, 1, 0]),
        ("created_from=2025-03-02", [2, 1]),
        ("created_to=2025-03-02T12:00:00Z", [1, 0]),
        ("created_from=2025-03-02&created_to=2025-03-02", [1]),
        ("limit=1", [2]),
    ],
)
def test_the_list_is_filtered_by_time(api: Api, app: Flask, query: str, found: list[int]) -> None:
    made = [make(app, [{}], NOON + timedelta(days=days)) for days in range(3)]
    assert [batch["id"] for batch in api.get(f"{BATCHES}?{query}").json["results"]] == [
        made[n] for n in found
    ]


def test_the_list_is_filtered_by_id(api: Api, app: Flask) -> None:
    made = [make(app, [{}]) for _ in range(3)]
    page = api.get(f"{BATCHES}?id_min={made[1]}&id_max={made[1]}").json
    assert [batch["id"] for batch in page["results"]] == [made[1]]


@pytest.mark.parametrize("name", ["status", "updated_from", "offset", "ordering", "x"])
def test_an_unknown_parameter_of_the_list_is_400(api: Api, name: str) -> None:
    answer = api.get(f"{BATCHES}?{name}=1")
    assert (answer.status, answer.json) == (400, {name: ["Unknown field."]})


def test_a_bad_cursor_is_404(api: Api) -> None:
    answer = api.get(f"{BATCHES}?cursor=x")
    assert (answer.status, answer.json) == (404, {"detail": "Invalid cursor"})


def test_a_page_of_batches_takes_the_same_few_statements_whatever_its_size(
    api: Api, app: Flask, queries: Queries
) -> None:
    api.get("/api/me")  # which notes the token's use
    for more in (1, 30):
        for _ in range(more):
            make(app, [{}, {"status": "sent"}])
        with queries as sent:
            assert api.get(BATCHES).status == 200
        assert len(sent) == 3, sent


@pytest.mark.parametrize(
    ("action", "from_", "to"), [("cancel", CANCELLABLE, "cancelled"), ("retry", RETRIABLE, "queued")]
)
def test_a_batch_is_changed_where_each_of_its_messages_could_be(
    api: Api, app: Flask, action: str, from_: tuple[MessageStatus, ...], to: str
) -> None:
    """Beside it lies another batch, which is not touched."""
    waiting = {"status": MessageStatus.SENDING}
    kinds = [*({"status": status} for status in MessageStatus if status != MessageStatus.SENDING), CLAIMED]
    kinds += [waiting, {"status": MessageStatus.QUEUED, "recipient": ERASED}]
    kinds += [{"status": MessageStatus.FAILED, "recipient": ERASED}]
    batch, other = make(app, kinds), make(app, kinds)
    before = read(app, batch)
    changed = [
        message.recipient != ERASED and (message.status in from_ or (action == "cancel" and kind is waiting))
        for message, kind in zip(before, kinds, strict=True)
    ]
    answer = api.post(f"{BATCHES}/{batch}/{action}")
    counts = {"changed": sum(changed), "unchanged": len(kinds) - sum(changed)}
    assert (answer.status, answer.json) == (200, counts)
    for old, new, is_changed in zip(before, read(app, batch), changed, strict=True):
        assert new.status == (to if is_changed else old.status)
        assert (new.updated_at > old.updated_at) == is_changed
    assert [message.status for message in read(app, other)] == [message.status for message in before]
    again = api.post(f"{BATCHES}/{batch}/{action}").json
    assert again == {"changed": 0, "unchanged": len(kinds)}


def test_messages_of_a_bulk_request_are_cancelled_for_good(api: Api, app: Flask, accounts: Accounts) -> None:
    later = (now() + timedelta(days=1)).isoformat()
    messages = [sms(), sms(send_at=later), sms(to="09121234568")]
    batch = api.post(f"{MESSAGES}/bulk", {"messages": messages}).json["batch"]
    assert api.post(f"{BATCHES}/{batch}/cancel").json == {"changed": 3, "unchanged": 0}
    assert api.get(f"{BATCHES}/{batch}").json["statuses"] == {"cancelled": 3}
    found = read(app, batch)
    assert [message.next_attempt_at for message in found] == [None] * 3
    with app.app_context():
        assert claim([message.id for message in found]) == []


def test_retried_messages_begin_anew_and_are_due_together(api: Api, app: Flask) -> None:
    over = now() - timedelta(seconds=1)
    spent = {"rounds": 5, "next_attempt_at": None, "error_code": "x", "error_detail": "y"}
    failed = {**spent, "status": MessageStatus.FAILED}
    sent_already = {**spent, "status": MessageStatus.SENT}
    batch = make(app, [failed, sent_already, {**failed, "expires_at": over}])
    heard: list[list[int]] = []

    def hear(_connection: Connection, event: MessagesDue) -> None:
        heard.append(list(event.ids))

    with subscribed(MessagesDue, hear):
        assert api.post(f"{BATCHES}/{batch}/retry").json == {"changed": 2, "unchanged": 1}
        assert api.post(f"{BATCHES}/{batch}/retry").json == {"changed": 0, "unchanged": 3}
    first, sent, renewed = read(app, batch)
    assert heard == [[first.id, renewed.id]]
    for message in (first, renewed):
        assert (message.status, message.rounds, message.error_code) == ("queued", 0, None)
        assert message.next_attempt_at is not None
        assert message.next_attempt_at <= now()
        assert message.expires_at > now()
    assert sent.status == "sent"


def test_a_retry_enqueues_once_it_is_committed_and_nothing_if_it_fails(
    app: Flask, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    enqueued: list[Any] = []
    monkeypatch.setattr("notifyhub.delivery.due_messages.enqueue", lambda *asked: enqueued.append(asked))
    batch = make(app, [{"status": MessageStatus.FAILED}] * 3)

    def fail(_connection: Connection, _event: MessagesDue) -> None:
        raise RuntimeError

    monkeypatch.setattr(app, "testing", False)  # errors are answered
    with subscribed(MessagesDue, fail):
        assert api.post(f"{BATCHES}/{batch}/retry").status == 500
    assert {message.status for message in read(app, batch)} == {"failed"}
    assert enqueued == []
    assert api.post(f"{BATCHES}/{batch}/retry").status == 200
    assert enqueued == [([message.id for message in read(app, batch)],)]


@pytest.mark.parametrize("action", ["cancel", "retry"])
def test_an_unknown_batch_is_404(api: Api, action: str) -> None:
    answer = api.post(f"{BATCHES}/99/{action}")
    assert (answer.status, answer.json) == (404, {"detail": "Not found."})


@pytest.mark.parametrize(
    ("action", "status"), [("cancel", MessageStatus.QUEUED), ("retry", MessageStatus.FAILED)]
)
@pytest.mark.parametrize(("caller", "owner", "answer"), [(0, 0, 200), (0, 1, 200), (1, 0, 404), (1, 1, 200)])
def test_a_test_token_changes_only_batches_of_test_tokens_and_sees_all(
    app: Flask,
    token: Callable[..., str],
    action: str,
    status: MessageStatus,
    caller: int,
    owner: int,
    answer: int,
) -> None:
    batch = make(app, [{"status": status, "is_test": bool(owner)}] * 2)
    api = Api(app.test_client(), token(test=bool(caller)))
    assert api.post(f"{BATCHES}/{batch}/{action}").status == answer
    assert all((message.status == status) == (answer == 404) for message in read(app, batch))
    assert api.get(f"{BATCHES}/{batch}").status == 200
    assert [shown["id"] for shown in api.get(BATCHES).json["results"]] == [batch]


@pytest.mark.parametrize(("action", "status", "most"), [("cancel", "queued", 4), ("retry", "failed", 5)])
def test_a_batch_is_changed_by_the_same_few_statements_whatever_its_size(
    api: Api, app: Flask, queries: Queries, action: str, status: str, most: int
) -> None:
    api.get("/api/me")  # which notes the token's use
    for size in (1, 10_000):
        batch = make(app, [{"status": status}] * size)
        with queries as sent:
            assert api.post(f"{BATCHES}/{batch}/{action}").json == {"changed": size, "unchanged": 0}
        assert len(sent) == most, [statement[:80] for statement in sent]


def test_each_message_of_a_batch_is_either_cancelled_or_claimed(api: Api, app: Flask) -> None:
    for _ in range(3):
        batch = make(app, [{}] * 300)
        ids = [message.id for message in read(app, batch)]
        shares = [ids[n::3][::-1] for n in range(3)]
        barrier = Barrier(4)

        def work(share: list[int], barrier: Barrier = barrier) -> int:
            barrier.wait(10)
            with app.app_context():
                return sum(len(claim(share[n : n + 20])) for n in range(0, len(share), 20))

        def cancel(batch: int = batch, barrier: Barrier = barrier) -> dict[str, int]:
            barrier.wait(10)
            answer: dict[str, int] = api.post(f"{BATCHES}/{batch}/cancel").json
            return answer

        with ThreadPoolExecutor(4) as threads:
            claims, cancelled = [threads.submit(work, share) for share in shares], threads.submit(cancel)
            claimed, change = sum(each.result() for each in claims), cancelled.result()
        assert change == {"changed": 300 - claimed, "unchanged": claimed}
        statuses = Counter(message.status for message in read(app, batch))
        assert (statuses["cancelled"], statuses["sending"]) == (300 - claimed, claimed)


def test_of_concurrent_retries_one_has_each_message(api: Api, app: Flask, token: Callable[..., str]) -> None:
    batch = make(app, [{"status": MessageStatus.FAILED}] * 200)
    callers = [Api(app.test_client(), token()) for _ in range(3)]
    with ThreadPoolExecutor(3) as threads:
        answers = list(threads.map(lambda caller: caller.post(f"{BATCHES}/{batch}/retry"), callers))
    assert sum(answer.json["changed"] for answer in answers) == 200
    assert sum(answer.json["unchanged"] for answer in answers) == 400


def test_a_batch_is_cancelled_although_somebody_locks_its_messages_in_another_order(
    api: Api, app: Flask
) -> None:
    """PostgreSQL ends one of two that wait for each other: the one that has waited longer, which is ours."""
    with app.app_context():
        if not is_postgresql():
            pytest.skip("SQLite has one writer at a time")
    batch = make(app, [{}] * 2)
    first, second = (message.id for message in read(app, batch))
    lock = text("SELECT id FROM messages WHERE id = :id FOR UPDATE")
    waits = text(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    with ThreadPoolExecutor(1) as threads, app.app_context():
        with db.engine.begin() as connection, db.engines[AUTOCOMMIT].connect() as watcher:
            connection.execute(lock, {"id": second})
            answer = threads.submit(api.post, f"{BATCHES}/{batch}/cancel")
            while not watcher.execute(waits).scalar_one():
                time.sleep(0.01)
            connection.execute(lock, {"id": first})
        assert answer.result().json == {"changed": 2, "unchanged": 0}
