"""Real workers: events go from a message's end to the receiver, and none is lost with a worker."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask

from notifyhub.database.base import now
from notifyhub.extensions import db
from notifyhub.webhooks.models import DeliveryStatus, Event, WebhookDelivery
from tests.simulators import MeliPayamakSimulator, melipayamak
from tests.support.clients import Api
from tests.support.environment import ROOT, slow_on_sqlite
from tests.support.factories import SMSNotifierFactory, WebhookDeliveryFactory, WebhookFactory
from tests.support.rows import context
from tests.webhooks.receiver import Receiver

MESSAGES = "/api/notifications/messages"
WORKER = "from notifyhub.cli import main; main()"
DYING = """
import os, signal
from notifyhub.webhooks import {module}, recovery  # whose own jobs go out
{module}.{name} = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
"""

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def variables(environment: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """The variables of an installation with short leases and a queue of its own."""
    (tmp_path / "instance").mkdir()
    return {
        **environment,
        "NOTIFYHUB_INSTANCE": str(tmp_path / "instance"),
        "NOTIFYHUB_WEBHOOK_ALLOW": "127.0.0.1",
        "NOTIFYHUB_LEASE_SECONDS": "2",
        "NOTIFYHUB_REPORT_DELAY": "1",
    }


@pytest.fixture
def start(variables: dict[str, str], processes: list[subprocess.Popen[str]], tmp_path: Path) -> Start:
    """Give a function that starts a worker, which may do something else first."""

    def run(first: str = "", **more: str) -> subprocess.Popen[str]:
        with (tmp_path / f"worker-{len(processes)}.log").open("w") as log:
            process = subprocess.Popen(
                [sys.executable, "-c", first + WORKER, "worker", "--beat", "--concurrency", "4"],
                cwd=ROOT,
                env={**os.environ, **variables, **more},
                stdout=log,
                stderr=log,
                text=True,
            )
        processes.append(process)
        return process

    return run


def wait_until_over(app: Flask, count: int, seconds: float = 20) -> None:
    """Wait until so many deliveries have been taken."""
    deadline = time.monotonic() + seconds
    statuses: list[str] = []
    while statuses != [DeliveryStatus.DELIVERED] * count:
        assert time.monotonic() < deadline, statuses
        time.sleep(0.1)
        with app.app_context():
            statuses = list(db.session.scalars(db.select(WebhookDelivery.status)))


@pytest.mark.slow
@slow_on_sqlite
def test_a_receiver_gets_a_message_s_events_in_order(
    app: Flask,
    other_app: Callable[..., Flask],
    token: Callable[..., str],
    variables: dict[str, str],
    start: Start,
    receiver: Receiver,
) -> None:
    with MeliPayamakSimulator() as console:
        variables["NOTIFYHUB_MELIPAYAMAK_URL"] = console.url
        api = Api(other_app(**variables).test_client(), token())
        hook = api.post("/api/notifications/webhooks", {"url": receiver.url, "events": list(Event)}).json
        with context(app):
            settings = {"token": melipayamak.TOKEN, "number": melipayamak.NUMBER}
            notifier = SMSNotifierFactory(settings=settings).id
        start()
        body = {"channel": "sms", "to": "09121234567", "text": "Hello", "notifier": notifier}
        sent = [api.post(MESSAGES, body).json["id"] for _ in range(3)]
        receiver.wait_for(6)
        wait_until_over(app, 6)
    sent_events = receiver.verified(hook["secret"])
    for id_ in sent:
        events = [event for event in sent_events if event["data"]["id"] == id_]
        assert [event["type"] for event in events] == [Event.MESSAGE_SENT, Event.MESSAGE_DELIVERED]
        assert events[0]["sequence"] < events[1]["sequence"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "name", "arrivals"),
    [
        ("attempts", "_attempt", [0, 1]),  # the delivery is claimed
        ("outcomes", "update_webhook", [0, 0, 1]),  # the receiver has answered
        ("outcomes", "finish", [0, 0, 1]),  # the webhook is updated
        ("attempts", "enqueue", [0, 1]),  # the outcome is written
    ],
    ids=["claimed", "answered", "updated", "finished"],
)
def test_a_worker_s_death_at_any_step_loses_no_event_and_no_order(
    app: Flask, start: Start, receiver: Receiver, module: str, name: str, arrivals: list[int]
) -> None:
    with app.app_context():
        hook = WebhookFactory(url=receiver.url)
        due = now() - timedelta(seconds=15)
        rows = [
            WebhookDeliveryFactory(webhook_id=hook.id, object_id=1, next_attempt_at=due) for _ in range(2)
        ]
        ids, uids = [row.id for row in rows], [row.uid for row in rows]
    assert start(DYING.format(module=module, name=name)).wait(20) == -9
    start()
    wait_until_over(app, 2, 60)
    assert [ids.index(body["sequence"]) for body in receiver.bodies()] == arrivals
    assert [uids.index(uid) for uid in receiver.ids()] == arrivals
