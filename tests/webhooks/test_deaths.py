"""Every event arrives, in order, while workers die: real workers, RabbitMQ and PostgreSQL."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask_migrate import upgrade
from sqlalchemy import func, select

from notifyhub.app import create_app
from notifyhub.extensions import db
from notifyhub.webhooks import attempts
from notifyhub.webhooks.models import DeliveryStatus, Event, WebhookDelivery
from tests.reliability.test_deaths import Workers
from tests.support import brokers
from tests.support.databases import dispose
from tests.support.environment import ENCRYPTION_KEY, SECRET_KEY
from tests.support.factories import WebhookFactory
from tests.webhooks.receiver import Receiver
from tests.webhooks.rows import record_each

OBJECTS = 150
EVENTS = (Event.MESSAGE_SENT, Event.MESSAGE_FAILED, Event.MESSAGE_DELIVERED)
WORKERS = 3
KILLED_EVERY = 1.0
LEASE = 4


@pytest.fixture
def variables(empty_database: Callable[[str], str], tmp_path: Path) -> dict[str, str]:
    brokers.broker_url("rabbitmq")
    return {
        "NOTIFYHUB_DATABASE_URL": empty_database("postgresql"),
        "NOTIFYHUB_BROKER_URL": brokers.RABBITMQ,
        "NOTIFYHUB_QUEUE_PREFIX": brokers.prefix(),
        "NOTIFYHUB_INSTANCE": str(tmp_path),
        "NOTIFYHUB_SECRET_KEY": SECRET_KEY,
        "NOTIFYHUB_ENCRYPTION_KEYS": ENCRYPTION_KEY,
        "NOTIFYHUB_LEASE_SECONDS": str(LEASE),
        "NOTIFYHUB_WEBHOOK_ALLOW": "127.0.0.1",
    }


@pytest.fixture
def installation(variables: dict[str, str]) -> Iterator[Flask]:
    made = create_app(variables)
    with made.app_context():
        upgrade()
    yield made
    dispose(made)
    brokers.delete_queues(brokers.RABBITMQ, variables["NOTIFYHUB_QUEUE_PREFIX"])


def happen(over: threading.Event, workers: Workers) -> None:
    """Kill a worker now and then, until it is over."""
    while not over.wait(KILLED_EVERY):
        workers.replace_oldest()


def record_events(objects: int) -> None:
    """Record the events of objects, one kind after the other, and enqueue each."""
    for event in EVENTS:
        for number in range(1, objects + 1):
            with db.engine.begin() as connection:
                ids = record_each(connection, event, number)
            attempts.enqueue(ids)
            time.sleep(0.02)


def wait_until_all_have_arrived(count: int, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    over = select(func.count()).where(WebhookDelivery.status == DeliveryStatus.DELIVERED)
    while (done := db.session.scalar(over)) != count:
        db.session.rollback()
        assert time.monotonic() < deadline, f"{done} of {count}"
        time.sleep(0.5)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_every_event_arrives_in_order_while_workers_are_killed(
    installation: Flask,
    variables: dict[str, str],
    receiver: Receiver,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    receiver.latency = 0.2  # so that workers die while they wait for it
    workers, over = Workers(variables, tmp_path / "workers.log"), threading.Event()
    killer = threading.Thread(target=happen, args=[over, workers])
    with installation.app_context():
        WebhookFactory(url=receiver.url)
        for _ in range(WORKERS):
            workers.start()
        killer.start()
        try:
            record_events(OBJECTS)
            wait_until_all_have_arrived(OBJECTS * len(EVENTS), 180)
        finally:
            over.set()
            killer.join()
            workers.stop()
        uids = dict(db.session.execute(select(WebhookDelivery.id, WebhookDelivery.uid)).all())
    arrived = receiver.bodies()
    with capsys.disabled():
        sys.stdout.write(f"\n{len(uids)} events, {len(arrived)} arrivals, {workers.kills} workers killed\n")
    assert dict(zip([body["sequence"] for body in arrived], receiver.ids(), strict=True)) == uids
    for number in range(1, OBJECTS + 1):
        sequence = [body["sequence"] for body in arrived if body["data"]["id"] == number]
        assert sequence == sorted(sequence)
        assert len(set(sequence)) == len(EVENTS)
    assert workers.kills >= 5
