"""The health over HTTP."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask

from notifyhub.api.http.json import timestamp
from notifyhub.database.base import now
from notifyhub.delivery.figures import Counted, Figures, Notifier
from notifyhub.delivery.models import CircuitBreaker, MinuteFigures
from notifyhub.delivery.rounds import deliver
from notifyhub.extensions import db
from notifyhub.health.models import NotifierCredit
from notifyhub.jobs.models import Role
from notifyhub.messages.models import Channel, MessageStatus
from notifyhub.providers.errors import NotifierTrouble, Refused
from tests.health.conftest import Seen
from tests.support.clients import Api
from tests.support.databases import stored_text
from tests.support.factories import (
    EmailNotifierFactory,
    MessageFactory,
    SMSNotifierFactory,
    WebhookDeliveryFactory,
)
from tests.support.queries import Queries
from tests.support.rows import context, scripted_notifier
from tests.support.scripted import Scripted

URL = "/api/notifications/health"
NOTHING: dict[str, Any] = {
    "state": "working",
    "resting_until": None,
    "failures_in_a_row": 0,
    "last_accepted_at": None,
    "last_error": None,
    "accepted_1h": 0,
    "failed_1h": 0,
    "delivered_1h": 0,
    "latency_ms_p50": None,
    "latency_ms_p95": None,
    "credit": None,
    "credit_at": None,
}
SECOND = timedelta(seconds=1)


@pytest.fixture
def alive(seen: Seen) -> datetime:
    """A worker with a scheduler, as they should be; when they were seen."""
    return seen(*Role)


def store(*objects: Any) -> None:
    db.session.add_all(objects)
    db.session.commit()


def test_all_is_well_where_a_worker_and_a_scheduler_live(api: Api, alive: datetime) -> None:
    answer = api.get(URL)
    assert answer.status == 200
    assert list(answer.json) == ["status", "problems", "workers", "scheduler", "queues", "notifiers"]
    assert answer.json == {
        "status": "ok",
        "problems": [],
        "workers": [
            {
                "name": "mq1:17",
                "queues": ["messages", "codes", "webhooks", "upkeep"],
                "started_at": timestamp(alive - timedelta(minutes=3)),
                "last_seen_at": timestamp(alive),
            }
        ],
        "scheduler": {"last_seen_at": timestamp(alive)},
        "queues": [
            {"name": name, "waiting": 0, "oldest_seconds": None}
            for name in ("messages", "codes", "webhooks", "upkeep")
        ],
        "notifiers": [],
    }


def test_without_a_worker_it_is_down(api: Api) -> None:
    answer = api.get(URL).json
    assert (answer["status"], answer["workers"]) == ("down", [])
    assert answer["scheduler"] == {"last_seen_at": None}
    assert answer["problems"][0] == "No worker is running: nothing is sent."
    assert len(answer["problems"]) == 2


def test_a_worker_that_was_not_seen_for_15_seconds_is_none(api: Api, seen: Seen) -> None:
    died = seen(*Role, ago=16)
    answer = api.get(URL).json
    assert (answer["status"], answer["workers"]) == ("down", [])
    assert answer["scheduler"] == {"last_seen_at": timestamp(died)}
    assert f"{died:%Y-%m-%d %H:%M:%S} UTC" in answer["problems"][0]


def test_one_of_two_workers_is_enough_and_the_latest_scheduler_counts(api: Api, seen: Seen) -> None:
    seen(Role.WORKER, ago=40, name="mq1:1")
    seen(Role.SCHEDULER, ago=40, name="mq1:1")
    seen(Role.WORKER, ago=3, name="mq2:1")
    latest = seen(Role.WORKER, Role.SCHEDULER, ago=1, name="mq3:1")
    answer = api.get(URL).json
    assert (answer["status"], answer["problems"]) == ("ok", [])
    assert [worker["name"] for worker in answer["workers"]] == ["mq2:1", "mq3:1"]
    assert answer["scheduler"] == {"last_seen_at": timestamp(latest)}


def test_without_a_scheduler_it_is_degraded(api: Api, seen: Seen) -> None:
    seen(Role.WORKER)
    seen(Role.SCHEDULER, ago=16, name="mq2:1")
    answer = api.get(URL).json
    assert answer["status"] == "degraded"
    assert answer["problems"][0].startswith("No scheduler has been seen since ")


def test_queues_are_counted_by_what_is_due_and_nobody_has(app: Flask, api: Api, alive: datetime) -> None:
    at = now()
    with app.app_context():
        notifier = SMSNotifierFactory()
        for ago in (5, 20):
            MessageFactory(notifier=notifier, next_attempt_at=at - ago * SECOND)
        MessageFactory(notifier=notifier, otp_id=1, next_attempt_at=at - 59 * SECOND)
        MessageFactory(notifier=notifier, status=MessageStatus.SCHEDULED, next_attempt_at=at + 60 * SECOND)
        MessageFactory(
            notifier=notifier,
            status=MessageStatus.SENDING,
            next_attempt_at=at + 60 * SECOND,
            lease_until=at + 60 * SECOND,
        )
        MessageFactory(notifier=notifier, status=MessageStatus.FAILED, next_attempt_at=None)
        for ago in (7, -30):
            MessageFactory(
                notifier=notifier,
                status=MessageStatus.SENT,
                next_attempt_at=None,
                report_due_at=at - ago * SECOND,
            )
        for ago in (100, 90):
            WebhookDeliveryFactory(next_attempt_at=at - ago * SECOND)
        WebhookDeliveryFactory(next_attempt_at=None)
    answer = api.get(URL).json
    assert answer["status"] == "ok"  # webhooks that wait are no messages that do
    took = (now() - at).total_seconds()
    expected = {"messages": (2, 20), "codes": (1, 59), "webhooks": (2, 100), "upkeep": (1, 7)}
    for queue in answer["queues"]:
        waiting, oldest = expected[queue["name"]]
        assert queue["waiting"] == waiting
        assert oldest <= queue["oldest_seconds"] <= oldest + took + 1


@pytest.mark.parametrize("otp_id", [None, 1])
def test_a_message_that_is_due_for_more_than_a_minute_degrades(
    app: Flask, api: Api, alive: datetime, otp_id: int | None
) -> None:
    with app.app_context():
        MessageFactory(otp_id=otp_id, next_attempt_at=now() - 62 * SECOND)
    answer = api.get(URL).json
    assert answer["status"] == "degraded"
    assert answer["problems"][0].startswith("The oldest due message has waited for 6")


def test_each_notifier_has_a_line(app: Flask, api: Api, alive: datetime) -> None:
    with app.app_context():
        sms, mail = (
            [SMSNotifierFactory(name="b"), SMSNotifierFactory(name="a")],
            EmailNotifierFactory(name="m"),
        )
        ids = [(Channel.SMS, each.id, each.name) for each in sms] + [(Channel.EMAIL, mail.id, "m")]
    answer = api.get(URL).json
    assert answer["notifiers"] == [
        {"channel": channel, "id": id_, "name": name, **NOTHING} for channel, id_, name in ids
    ]
    assert list(answer["notifiers"][0]) == ["channel", "id", "name", *NOTHING]


def test_a_notifier_that_rests_degrades_and_one_that_is_probed_does_not(
    app: Flask, api: Api, alive: datetime
) -> None:
    at = now()
    with app.app_context():
        resting, over, probed, mail = (*SMSNotifierFactory.create_batch(3), EmailNotifierFactory())
        store(
            CircuitBreaker(channel="sms", notifier_id=resting.id, failures=5, open_until=at + 30 * SECOND),
            CircuitBreaker(channel="sms", notifier_id=over.id, failures=6, open_until=at - SECOND),
            CircuitBreaker(
                channel="sms", notifier_id=probed.id, failures=7, open_until=at + 30 * SECOND, is_probed=True
            ),
            CircuitBreaker(channel="email", notifier_id=mail.id, failures=2),
        )
        resting_id = resting.id
    answer = api.get(URL).json
    states = [(line["state"], line["failures_in_a_row"]) for line in answer["notifiers"]]
    assert states == [("resting", 5), ("probing", 6), ("probing", 7), ("working", 2)]
    assert [line["resting_until"] for line in answer["notifiers"]] == [
        timestamp(at + 30 * SECOND),
        *(None, None, None),
    ]
    assert answer["status"] == "degraded"
    assert len(answer["problems"]) == 1
    assert answer["problems"][0].startswith(f"SMS notifier {resting_id} ")


def test_figures_are_those_of_the_last_hour(app: Flask, api: Api, alive: datetime, figures: Figures) -> None:
    with app.app_context():
        sms, mail = SMSNotifierFactory(), EmailNotifierFactory()
        for ms in (*range(1, 10), 200):
            figures.count_attempt(Notifier("sms", sms.id), None, ms)
        figures.count_attempt(Notifier("email", mail.id), Refused("blacklisted", "No."), 12)
        figures.count_deliveries(Notifier("sms", sms.id), 4)
        figures.flush()
        figures.count_attempt(Notifier("sms", sms.id), NotifierTrouble("unreachable", "0912 3456789"), 5)
        figures.flush()
        minute = int(datetime.now(UTC).timestamp() // 60)
        for ago, count in ((58, 100), (61, 1000)):
            store(
                MinuteFigures(
                    minute=minute - ago,
                    channel="sms",
                    notifier_id=sms.id,
                    counted=Counted.DELIVERED,
                    ms=0,
                    count=count,
                )
            )
    line, other = api.get(URL).json["notifiers"]
    assert (line["accepted_1h"], line["failed_1h"], line["delivered_1h"]) == (10, 1, 104)
    assert line["latency_ms_p50"] == 5
    assert 200 <= line["latency_ms_p95"] <= 220
    assert line["last_error"]["code"] == "unreachable"
    assert line["last_error"]["detail"] == "0912 •••"
    assert line["last_accepted_at"] < line["last_error"]["at"]
    assert (other["accepted_1h"], other["failed_1h"], other["last_accepted_at"]) == (0, 1, None)
    assert other["last_error"]["code"] == "blacklisted"


def test_what_the_delivery_does_is_counted_but_for_test_tokens(
    app: Flask, api: Api, alive: datetime, scripted: type[Scripted], figures: Figures
) -> None:
    with context(app):
        notifier = scripted_notifier("a", "accepted", "trouble", "refused")
        for is_test in (False, False, False, True):
            deliver(MessageFactory(notifier=notifier, is_test=is_test).id)
        figures.flush()
    (line,) = api.get(URL).json["notifiers"]
    assert (line["accepted_1h"], line["failed_1h"]) == (1, 2)
    assert line["last_error"]["code"] == "blacklisted"


def test_credits_are_shown(app: Flask, api: Api, alive: datetime) -> None:
    at = now()
    with app.app_context():
        first, second = SMSNotifierFactory.create_batch(2)
        store(
            NotifierCredit(notifier_id=first.id, asked_at=at, amount=37414, read_at=at),
            NotifierCredit(notifier_id=second.id, asked_at=at, amount=0.5, read_at=at),
        )
    lines = api.get(URL).json["notifiers"]
    assert [line["credit"] for line in lines] == [37414, 0.5]
    assert {line["credit_at"] for line in lines} == {timestamp(at)}


def test_it_takes_as_many_statements_whatever_there_is(
    app: Flask, api: Api, seen: Seen, queries: Queries, figures: Figures
) -> None:
    def sent() -> int:
        with queries as statements:
            assert api.get(URL).status == 200
        return len(statements)

    api.get(URL)
    assert sent() == 5  # one of them for the token
    for number in range(3):
        seen(*Role, name=f"mq{number}:1")
    with app.app_context():
        for notifier in SMSNotifierFactory.create_batch(20) + EmailNotifierFactory.create_batch(20):
            figures.count_attempt(Notifier("sms", notifier.id), None, 17)
            MessageFactory()
        figures.flush()
    assert sent() == 5


def test_nothing_secret_is_in_it(app: Flask, api: Api, alive: datetime, figures: Figures) -> None:
    words = "It does not know +989121234567, 09121234567, ۰۹۱۲۱۲۳۴۵۶۷ or Sara <sara@example.com>."
    with app.app_context():
        notifier = SMSNotifierFactory(settings={"token": "hunter2-hunter2"})
        EmailNotifierFactory(password="hunter3-hunter3")
        MessageFactory(notifier=notifier, text="A text for nobody else")
        figures.count_attempt(Notifier("sms", notifier.id), Refused("invalid_recipient", words), 12)
        figures.flush()
    text = api.get(URL).response.get_data(as_text=True)
    for secret in ("hunter", "9121234567", "۱۲۳۴", "sara", "nobody else", "mail.example.com"):
        assert secret not in text
    assert "sara@" not in stored_text(app)


def test_staff_need_its_code(anonymous: Api, staff: Callable[..., Api]) -> None:
    assert anonymous.get(URL).status == 401
    assert staff(7811, 7813).get(URL).status == 403
    assert staff(7812).get(URL).status == 200
