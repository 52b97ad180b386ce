"""The recovery and the retention of deliveries."""

from datetime import timedelta
from typing import Any

import pytest

from notifyhub.database.base import now
from notifyhub.jobs import dispatcher, queues
from notifyhub.webhooks import retention
from notifyhub.webhooks.models import DeliveryStatus
from notifyhub.webhooks.recovery import recover
from tests.support.factories import WebhookDeliveryFactory, WebhookFactory
from tests.support.rows import change_settings
from tests.webhooks.rows import deliveries, delivery

pytestmark = pytest.mark.usefixtures("_context")

SECOND, MINUTE, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(days=1)


def stored(**values: Any) -> int:
    """Store a delivery whose moments are given relative to now."""
    moments = {name: now() + value for name, value in values.items() if isinstance(value, timedelta)}
    return WebhookDeliveryFactory(**{**values, **moments}).id  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("values", "enqueued"),
    [
        # Its call has just gone out; or was lost, which shows after a while.
        ({"next_attempt_at": timedelta(0)}, 0),
        ({"next_attempt_at": -11 * SECOND}, 1),
        ({"next_attempt_at": timedelta(0), "attempts": 1}, 1),
        ({"next_attempt_at": MINUTE, "attempts": 1}, 0),
        # It has been called already; or too long ago; or for an earlier attempt.
        ({"next_attempt_at": -MINUTE, "enqueued_at": -SECOND}, 0),
        ({"next_attempt_at": -2 * MINUTE, "enqueued_at": -MINUTE}, 1),
        ({"next_attempt_at": -SECOND, "attempts": 1, "enqueued_at": -5 * SECOND}, 1),
        # Its worker has died; or works.
        ({"next_attempt_at": -SECOND, "lease_until": -SECOND, "attempts": 1, "lease_token": "a"}, 1),
        ({"next_attempt_at": MINUTE, "lease_until": MINUTE, "attempts": 1, "lease_token": "a"}, 0),
        ({"next_attempt_at": None, "status": DeliveryStatus.FAILED}, 0),
    ],
)
def test_what_is_due_and_not_looked_after_is_enqueued_once(values: dict[str, Any], enqueued: int) -> None:
    changed = delivery(id_ := stored(**values)).updated_at
    before = queues.publisher().depth(queues.WEBHOOKS) or 0
    assert (recover(), recover()) == (enqueued, 0)
    assert queues.publisher().depth(queues.WEBHOOKS) == before + enqueued
    assert delivery(id_).updated_at == changed


@pytest.mark.parametrize(("first", "second"), [(5, 5), (5, 6)])
def test_what_waits_for_an_earlier_event_of_its_object_is_not_enqueued(first: int, second: int) -> None:
    webhook = WebhookFactory().id
    stored(webhook_id=webhook, object_id=first, attempts=1, next_attempt_at=MINUTE)
    later = stored(webhook_id=webhook, object_id=second, next_attempt_at=-MINUTE)
    assert recover() == (0 if first == second else 1)
    assert (delivery(later).enqueued_at is None) is (first == second)


def test_what_is_over_is_in_nothing_s_way() -> None:
    webhook = WebhookFactory().id
    over = {"next_attempt_at": None, "status": DeliveryStatus.FAILED}
    stored(webhook_id=webhook, object_id=5, **over)
    stored(webhook_id=webhook, object_id=5, next_attempt_at=-MINUTE)
    stored(webhook_id=webhook, object_id=5, next_attempt_at=-MINUTE)
    assert recover() == 1


def test_the_queue_is_not_filled_beyond_what_workers_can_soon_take_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dispatcher, "BATCH", 2)
    monkeypatch.setattr(dispatcher, "MAX_QUEUE_DEPTH", (queues.publisher().depth(queues.WEBHOOKS) or 0) + 5)
    webhook = WebhookFactory().id
    for _ in range(7):
        stored(webhook_id=webhook, next_attempt_at=-MINUTE)
    assert (recover(), recover()) == (5, 0)


def test_what_a_broker_does_not_take_is_enqueued_later(monkeypatch: pytest.MonkeyPatch) -> None:
    stored(next_attempt_at=-MINUTE)
    with monkeypatch.context() as patched:
        patched.setattr(queues.Publisher, "publish", lambda *_: False)
        assert recover() == 0
    assert recover() == 1


@pytest.mark.parametrize("batch", [2, 500])
@pytest.mark.parametrize(("kept_for", "days"), [(90, 30), (7, 7)])
def test_deliveries_that_are_over_are_kept_for_30_days_or_as_long_as_messages(
    monkeypatch: pytest.MonkeyPatch, batch: int, kept_for: int, days: int
) -> None:
    monkeypatch.setattr("notifyhub.database.purge.BATCH", batch)
    change_settings(retention_days=kept_for)
    webhook = WebhookFactory().id
    over = {"webhook_id": webhook, "next_attempt_at": None, "status": DeliveryStatus.DELIVERED}
    kept = [
        stored(**over, created_at=-(days - 1) * DAY),
        stored(webhook_id=webhook, created_at=-100 * DAY),
    ]
    for _ in range(4):
        stored(**over, created_at=-(days + 1) * DAY)
    assert retention.purge_deliveries() == 4
    assert [each.id for each in deliveries()] == kept
