"""Deliveries, one attempt after the other, at a real receiver and on both databases."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from flask import Flask
from standardwebhooks import Webhook as Verifier

from notifyhub.api.http.json import timestamp
from notifyhub.database.base import now
from notifyhub.extensions import db
from notifyhub.jobs import queues
from notifyhub.webhooks import attempts, claims, outcomes, signatures
from notifyhub.webhooks.attempts import deliver
from notifyhub.webhooks.models import DeliveryStatus, Webhook
from notifyhub.webhooks.retry_policy import RETRY_DELAYS
from notifyhub.webhooks.targets import ONLY_HTTPS
from tests.simulators.server import Reply
from tests.support.databases import engines, stored_text
from tests.support.factories import WebhookDeliveryFactory, WebhookFactory
from tests.support.rows import context
from tests.support.service import until
from tests.webhooks.receiver import OK, Receiver
from tests.webhooks.rows import delivery, webhook

pytestmark = pytest.mark.usefixtures("_context")

DAY = timedelta(days=1)
BROKEN_OFF = "No answer from the receiver: the connection broke off."


@pytest.fixture
def hook(_context: None, receiver: Receiver) -> Webhook:
    """A webhook that leads to the receiver."""
    made: Webhook = WebhookFactory(url=receiver.url)
    return made


@pytest.fixture
def enqueued(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The deliveries that have been enqueued."""
    ids: list[int] = []
    monkeypatch.setattr(attempts, "enqueue", lambda some: ids.extend(some) or True)
    return ids


@pytest.fixture
def clock() -> Iterator[Any]:
    with time_machine.travel(now(), tick=False) as traveller:
        yield traveller


def stored(hook: Webhook, **values: Any) -> int:
    return WebhookDeliveryFactory(webhook_id=hook.id, **values).id  # type: ignore[no-any-return]


def test_an_event_is_delivered_signed(hook: Webhook, receiver: Receiver) -> None:
    id_ = stored(hook, data='{"id":7,"to":"+98912","note":"سلام"}')
    deliver(id_)
    done = delivery(id_)
    (request,) = receiver.requests
    assert receiver.verified(hook.secret["current"]) == [
        {
            "type": "message.sent",
            "timestamp": timestamp(done.happened_at),
            "sequence": id_,
            "data": {"id": 7, "to": "+98912", "note": "سلام"},
        }
    ]
    assert request.headers["webhook-id"] == done.uid
    assert (done.status, done.attempts, done.response_status) == (DeliveryStatus.DELIVERED, 1, 200)
    assert (done.response_body, done.error, done.next_attempt_at) == ("ok", None, None)
    assert done.duration_ms is not None
    assert (done.lease_token, done.lease_until) == (None, None)


def test_an_old_secret_signs_along(hook: Webhook, receiver: Receiver) -> None:
    old = hook.secret["current"]
    hook.secret = signatures.rotated(hook.secret, now())
    db.session.commit()
    deliver(stored(hook))
    assert receiver.verified(old) == receiver.verified(webhook(hook.id).secret["current"])


def test_a_failure_is_tried_again_by_the_schedule_with_the_same_body(
    hook: Webhook, receiver: Receiver, clock: Any
) -> None:
    id_ = stored(hook)
    receiver.reply(*[500] * 8)
    waits = []
    for _ in range(8):
        before = now()
        deliver(id_)
        deliver(id_)  # not its time
        found = delivery(id_)
        assert (found.response_status, found.error) == (500, "The receiver answered 500.")
        if found.next_attempt_at:
            assert found.status == DeliveryStatus.PENDING
            waits.append(found.next_attempt_at - before)
            clock.move_to(found.next_attempt_at)
    assert len(waits) == 7
    assert all(least <= wait <= 1.1 * least for least, wait in zip(RETRY_DELAYS, waits, strict=True))
    assert (delivery(id_).status, delivery(id_).attempts) == (DeliveryStatus.FAILED, 8)
    clock.shift(DAY)
    deliver(id_)
    assert len(receiver.requests) == 8
    assert len(set(receiver.ids())) == 1
    assert len({request.raw for request in receiver.requests}) == 1
    assert len({request.headers["webhook-timestamp"] for request in receiver.requests}) == 8


def test_a_receiver_that_was_down_gets_what_it_missed(hook: Webhook, receiver: Receiver, clock: Any) -> None:
    receiver.server.stop()
    id_ = stored(hook)
    deliver(id_)
    found = delivery(id_)
    assert (found.status, found.response_status, found.response_body) == (DeliveryStatus.PENDING, None, None)
    assert found.error == "No answer from the receiver: Connection refused."
    assert webhook(hook.id).failing_since == found.updated_at
    receiver.server.start()
    clock.shift(timedelta(seconds=6))
    deliver(id_)
    assert delivery(id_).status == DeliveryStatus.DELIVERED
    assert delivery(id_).error is None
    assert webhook(hook.id).failing_since is None


def test_retry_after_is_heeded(hook: Webhook, receiver: Receiver, clock: Any) -> None:
    receiver.reply(Reply(429, b"", headers={"Retry-After": "3600"}))
    id_ = stored(hook)
    deliver(id_)
    next_attempt_at = delivery(id_).next_attempt_at
    assert next_attempt_at
    assert timedelta(hours=1) <= next_attempt_at - now() <= timedelta(hours=1.1)


def test_410_disables_the_webhook_at_once(hook: Webhook, receiver: Receiver, enqueued: list[int]) -> None:
    first, second = stored(hook, object_id=5), stored(hook, object_id=5)
    receiver.reply(410)
    deliver(first)
    found = webhook(hook.id)
    assert (found.is_active, found.disabled_reason) == (False, "The receiver answered 410: it wants no more.")
    assert (delivery(first).status, delivery(first).attempts) == (DeliveryStatus.FAILED, 1)
    assert enqueued == [second]
    deliver(second)
    done = delivery(second)
    assert (done.status, done.attempts, done.error) == (
        DeliveryStatus.FAILED,
        0,
        "The webhook is not active.",
    )
    assert len(receiver.requests) == 1


def test_what_was_claimed_before_a_410_is_not_sent_after_it(
    app: Flask, hook: Webhook, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = stored(hook, object_id=5), stored(hook, object_id=6)
    receiver.reply(410)
    claim = claims.claim
    claimed, go_on = threading.Event(), threading.Event()

    def claim_and_wait(delivery_id: int) -> claims.ClaimedDelivery | None:
        found = claim(delivery_id)
        if delivery_id == second:
            claimed.set()
            assert go_on.wait(10)
        return found

    def write_later(*arguments: Any) -> Any:
        go_on.set()
        assert ended.wait(10)
        return update_webhook(*arguments)

    def send_second() -> None:
        with context(app):
            deliver(second)
        ended.set()

    update_webhook, ended = outcomes.update_webhook, threading.Event()
    monkeypatch.setattr(claims, "claim", claim_and_wait)
    monkeypatch.setattr(outcomes, "update_webhook", write_later)
    thread = threading.Thread(target=send_second)
    thread.start()
    assert claimed.wait(10)
    deliver(first)
    thread.join()
    assert len(receiver.requests) == 1
    assert (delivery(second).status, delivery(second).error) == (
        DeliveryStatus.FAILED,
        "The webhook is not active.",
    )
    assert not webhook(hook.id).is_active


@pytest.mark.parametrize("status", [410, 500])
def test_an_answer_says_nothing_of_a_webhook_that_was_changed_since_the_claim(
    app: Flask, hook: Webhook, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    id_ = stored(hook)
    receiver.reply(status)
    update_webhook = outcomes.update_webhook

    def change_before(*arguments: Any) -> Any:
        with context(app):
            changed = db.session.get_one(Webhook, hook.id)
            changed.url = f"{receiver.url}&to=another"
            db.session.commit()
        return update_webhook(*arguments)

    monkeypatch.setattr(outcomes, "update_webhook", change_before)
    deliver(id_)
    found = webhook(hook.id)
    assert (found.is_active, found.disabled_reason, found.failing_since) == (True, None, None)
    monkeypatch.setattr(outcomes, "update_webhook", update_webhook)
    deliver(stored(hook))
    assert len(receiver.requests) == 2


@pytest.mark.parametrize(("days", "active"), [(4.9, True), (5, False)])
def test_five_days_of_failure_disable_the_webhook(
    hook: Webhook, receiver: Receiver, clock: Any, days: float, active: bool
) -> None:
    changed = webhook(hook.id).updated_at
    receiver.reply(500, 503)
    deliver(stored(hook))
    assert webhook(hook.id).failing_since == now()
    assert webhook(hook.id).updated_at == changed
    clock.shift(timedelta(days=days))
    deliver(stored(hook))
    found = webhook(hook.id)
    assert found.is_active is active
    if active:
        assert found.disabled_reason is None
    else:
        assert found.disabled_reason == (
            "No delivery has succeeded for 5 days. The last error: The receiver answered 503."
        )
        assert found.updated_at == now()


def test_a_success_in_between_begins_the_five_days_anew(
    hook: Webhook, receiver: Receiver, clock: Any
) -> None:
    receiver.reply(500, OK, 500, 500)
    for days in (0, 3, 3, 4.9):
        clock.shift(timedelta(days=days))
        deliver(stored(hook))
    assert webhook(hook.id).is_active


def test_a_target_that_is_allowed_no_more_is_an_error_of_the_delivery(
    app: Flask, hook: Webhook, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(app.config, "WEBHOOK_ALLOW", [])
    id_ = stored(hook)
    deliver(id_)
    assert (delivery(id_).status, delivery(id_).error) == (DeliveryStatus.PENDING, ONLY_HTTPS)
    assert receiver.server.connections == 0


def test_events_of_an_object_go_one_after_the_other(
    hook: Webhook, receiver: Receiver, enqueued: list[int], clock: Any
) -> None:
    first, second, third = (stored(hook, object_id=5) for _ in range(3))
    other = stored(hook, object_id=6)
    receiver.reply(500)
    for id_ in (third, second, first, other, second, third):
        deliver(id_)
    assert [body["sequence"] for body in receiver.bodies()] == [first, other]
    clock.move_to(delivery(first).next_attempt_at)
    deliver(first)
    assert enqueued == [second]
    deliver(third)
    deliver(second)
    assert enqueued == [second, third]
    deliver(third)
    assert [body["sequence"] for body in receiver.bodies()] == [first, other, first, second, third]


def test_what_waits_for_another_is_not_looked_at_before_that_is_due(
    hook: Webhook, receiver: Receiver, clock: Any
) -> None:
    first, second = stored(hook, object_id=5), stored(hook, object_id=5)
    receiver.reply(500, 500)
    deliver(first)
    clock.move_to(delivery(first).next_attempt_at)
    deliver(first)
    deliver(second)
    assert delivery(second).next_attempt_at == delivery(first).next_attempt_at
    assert delivery(second).attempts == 0
    clock.move_to(delivery(first).next_attempt_at)
    deliver(first)
    assert delivery(second).next_attempt_at == now()


def test_events_of_an_object_to_different_webhooks_don_t_wait_for_each_other(
    hook: Webhook, receiver: Receiver
) -> None:
    stored(hook, object_id=5)
    other = WebhookFactory(url=receiver.url)
    deliver(stored(other, object_id=5))
    assert len(receiver.requests) == 1


def test_what_is_sent_is_not_sent_twice_at_once(app: Flask, hook: Webhook, receiver: Receiver) -> None:
    id_ = stored(hook)
    barrier = threading.Barrier(6)

    def race() -> None:
        with context(app):
            barrier.wait()
            deliver(id_)

    threads = [threading.Thread(target=race) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(receiver.requests) == 1
    assert delivery(id_).attempts == 1


def test_no_connection_to_the_database_is_held_while_the_receiver_is_talked_to(
    app: Flask, hook: Webhook, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[int] = []
    answer = receiver.server.answer

    def count(*args: Any) -> Reply:
        held.append(sum(engine.pool.checkedout() for engine in engines(app)))  # type: ignore[attr-defined]
        return answer(*args)

    id_ = stored(hook)
    db.session.remove()
    monkeypatch.setattr(receiver.server, "answer", count)
    deliver(id_)
    assert held == [0]


def test_a_delivery_whose_worker_died_is_due_when_its_lease_is_over(
    app: Flask, hook: Webhook, receiver: Receiver, clock: Any
) -> None:
    id_ = stored(hook)
    assert claims.claim(id_)
    deliver(id_)
    clock.shift(timedelta(seconds=app.config["LEASE_SECONDS"]))
    deliver(id_)
    assert (delivery(id_).status, delivery(id_).attempts) == (DeliveryStatus.DELIVERED, 2)
    assert len(receiver.requests) == 1


def test_who_has_lost_its_lease_writes_nothing(
    hook: Webhook, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, clock: Any
) -> None:
    id_ = stored(hook)
    take = claims.claim

    def take_late(delivery_id: int) -> claims.ClaimedDelivery | None:
        taken = take(delivery_id)
        clock.shift(timedelta(minutes=2))
        take(delivery_id)
        return taken

    monkeypatch.setattr(claims, "claim", take_late)
    deliver(id_)
    assert len(receiver.requests) == 1
    assert (delivery(id_).status, delivery(id_).attempts) == (DeliveryStatus.PENDING, 2)


def test_what_kills_every_worker_is_given_up(hook: Webhook, receiver: Receiver, clock: Any) -> None:
    id_ = stored(hook, attempts=8)
    deliver(id_)
    found = delivery(id_)
    assert (found.status, found.attempts) == (DeliveryStatus.FAILED, 8)
    assert found.error == "The worker stopped before the outcome was known."
    assert receiver.requests == []


@pytest.mark.parametrize(("failing", "at_once"), [(True, 4), (False, 6)])
def test_a_receiver_that_fails_does_not_keep_all_threads_from_others(
    app: Flask, receiver: Receiver, failing: bool, at_once: int
) -> None:
    hook = WebhookFactory(url=receiver.url, failing_since=now() if failing else None)
    ids = [stored(hook) for _ in range(6)]
    receiver.reply(*[Reply(200, b"", fate="silence")] * 6)

    def work(id_: int) -> None:
        with context(app):
            deliver(id_)

    threads = [threading.Thread(target=work, args=[id_]) for id_ in ids]
    for thread in threads:
        thread.start()
    receiver.wait_for(at_once)
    until(lambda: sum(thread.is_alive() for thread in threads) <= at_once, "the others have come back")
    receiver.server.stop()
    for thread in threads:
        thread.join()
    found = [delivery(id_) for id_ in ids]
    assert sorted(each.attempts for each in found) == [0] * (6 - at_once) + [1] * at_once
    assert len(receiver.requests) == at_once
    for each in found:
        assert (each.status, each.lease_token) == (DeliveryStatus.PENDING, None)
        assert each.next_attempt_at
        assert each.next_attempt_at > now() + timedelta(seconds=3)


def test_what_is_gone_is_not_delivered(hook: Webhook, receiver: Receiver) -> None:
    id_ = stored(hook)
    db.session.delete(webhook(hook.id))
    db.session.commit()
    deliver(id_)
    assert receiver.requests == []


def test_deliveries_are_enqueued_in_their_own_queue(hook: Webhook) -> None:
    before = [queues.publisher().depth(name) or 0 for name in queues.QUEUES]
    assert attempts.enqueue([1, 2])
    after = [queues.publisher().depth(name) or 0 for name in queues.QUEUES]
    assert [more - less for more, less in zip(after, before, strict=True)] == [0, 0, 2, 0]


def test_a_signature_is_of_another_moment_at_each_attempt(
    hook: Webhook, receiver: Receiver, clock: Any
) -> None:
    """A receiver refuses what was signed more than five minutes ago."""
    receiver.reply(500)
    id_ = stored(hook)
    deliver(id_)
    clock.shift(timedelta(hours=2))
    deliver(id_)
    late = receiver.requests[-1]
    assert Verifier(hook.secret["current"]).verify(late.raw, dict(late.headers))


def test_secrets_are_in_no_log_and_no_row(
    app: Flask, hook: Webhook, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    receiver.reply(Reply(200, b"", fate="reset"))
    deliver(stored(hook))
    deliver(stored(hook))
    kept = stored_text(app)
    for secret in (hook.secret["current"], hook.secret["current"].removeprefix("whsec_")):
        assert secret not in caplog.text
        assert secret not in kept
    assert "a-secret-of-the-url" not in caplog.text


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what the log tells an operator."""
    return [record.getMessage() for record in caplog.records if record.levelname in {"WARNING", "ERROR"}]


def test_a_failed_attempt_is_one_line_of_the_log(
    hook: Webhook, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.reply(Reply(500, b"a-secret-of-the-body"), Reply(200, b"", fate="reset"))
    first, second = stored(hook), stored(hook)
    for id_ in (first, second, stored(hook)):
        deliver(id_)
    assert lines(caplog) == [
        f"Webhook {hook.id}: attempt 1 of delivery {first} failed: The receiver answered 500.",
        f"Webhook {hook.id}: attempt 1 of delivery {second} failed: {BROKEN_OFF}",
    ]


def test_a_webhook_that_is_disabled_is_one_line_of_the_log(
    hook: Webhook, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.reply(410, 410)
    for id_ in [stored(hook), stored(hook)]:
        deliver(id_)
    assert lines(caplog)[1:] == [
        f"Webhook {hook.id} is disabled: The receiver answered 410: it wants no more."
    ]


@pytest.mark.parametrize("broken", ["post", "decide"])
def test_an_error_of_our_own_ends_the_attempt_and_the_delivery_goes_on(
    hook: Webhook, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, clock: Any, broken: str
) -> None:
    """It does not look like a worker that has died."""
    working, calls = getattr(attempts, broken), []

    def once(*args: Any) -> Any:
        calls.append(args)
        if len(calls) == 1:
            raise OverflowError("date value out of range")
        return working(*args)

    monkeypatch.setattr(attempts, broken, once)
    id_ = stored(hook)
    deliver(id_)
    found = delivery(id_)
    assert (found.status, found.attempts, found.lease_token) == (DeliveryStatus.PENDING, 1, None)
    assert found.error == "The service itself failed: OverflowError."
    assert webhook(hook.id).failing_since == now()
    assert found.next_attempt_at
    clock.move_to(found.next_attempt_at)
    deliver(id_)
    assert (delivery(id_).status, delivery(id_).attempts) == (DeliveryStatus.DELIVERED, 2)
