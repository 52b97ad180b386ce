"""The watch: of all processes one tells that somebody is missing, and that he is back."""

import json
import threading
from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import Connection, select
from sqlalchemy.exc import OperationalError

from notifyhub.api.http.json import timestamp
from notifyhub.database.base import table_of
from notifyhub.database.connections import autocommit
from notifyhub.extensions import db
from notifyhub.health import watch
from notifyhub.health.events import RoleMissing
from notifyhub.health.watch import Watch
from notifyhub.jobs.models import Role, Worker
from notifyhub.messages.models import Message, MessageStatus
from notifyhub.settings.models import NotificationSettings
from notifyhub.webhooks.models import Event, WebhookDelivery
from tests.health.conftest import Seen
from tests.support.events import subscribed
from tests.support.factories import EmailNotifierFactory, WebhookFactory
from tests.support.queries import Queries
from tests.support.rows import change_settings, context

Look = Callable[..., list[str]]
WAITS = "what is to be sent later, or again, waits; start a worker with --beat"


class Clock:
    """A process's clock, which stands still."""

    seconds = 1000.0

    def shift(self, seconds: float) -> None:
        self.seconds += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(watch, "monotonic", lambda: clock.seconds)
    return clock


@pytest.fixture
def look(app: Flask, caplog: pytest.LogCaptureFixture) -> Look:
    """Give a function by which processes look, one after another; it returns what they write to the log."""

    def check(*watches: Watch) -> list[str]:
        caplog.clear()
        with app.app_context():
            for each in watches:
                each.check()
        return [record.getMessage() for record in caplog.records if "watch" in record.name]

    return check


def forget(app: Flask) -> None:
    with app.app_context():
        db.session.query(Worker).delete()
        db.session.commit()


def test_of_all_processes_one_tells_the_beginning_and_one_the_end(
    app: Flask, look: Look, seen: Seen, clock: Clock
) -> None:
    watches = Watch(), Watch(), Watch()
    seen(*Role)
    assert look(*watches) == []
    forget(app)
    died = seen(*Role, ago=16, name="mq2:2")
    assert look(*watches) == []  # it may have just begun to look
    clock.shift(16)
    since = f"since {died:%Y-%m-%d %H:%M:%S} UTC"
    assert look(*watches) == [
        f"No worker has been seen {since}: nothing is sent",
        f"No scheduler has been seen {since}: {WAITS}",
    ]
    clock.shift(5)
    assert look(*watches) == []
    seen(Role.WORKER, name="mq3:3")
    assert look(*watches) == [f"A worker is there again: there was none {since}"]
    assert look(*watches) == []
    seen(Role.SCHEDULER, name="mq3:3")
    assert look(*watches) == [f"A scheduler is there again: there was none {since}"]


def test_a_restart_is_nothing_to_tell(app: Flask, look: Look, seen: Seen, clock: Clock) -> None:
    mine = Watch()
    seen(*Role)
    look(mine)
    forget(app)
    clock.shift(14)
    assert look(mine) == []
    seen(*Role)
    assert look(mine) == []
    forget(app)
    clock.shift(14)
    assert look(mine) == []
    clock.shift(2)
    assert look(mine) == [
        "No worker is running: nothing is sent",
        f"No scheduler is running: {WAITS}",
    ]


def test_a_new_process_tells_the_end_of_what_another_has_told(look: Look, seen: Seen, clock: Clock) -> None:
    before = Watch()
    look(before)
    clock.shift(16)
    assert len(look(before)) == 2
    assert look(Watch()) == []
    seen(*Role)
    assert len(look(Watch())) == 2


def test_looking_takes_one_statement(app: Flask, seen: Seen, queries: Queries) -> None:
    seen(*Role)
    mine = Watch()
    with app.app_context():
        mine.check()
        with queries as sent:
            mine.check()
    assert len(sent) == 1


def test_who_could_not_write_either_is_not_missed_when_the_database_is_back(
    app: Flask, look: Look, seen: Seen, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = Watch()
    seen(*Role)
    assert look(mine) == []

    def away() -> None:
        raise OperationalError("SELECT", {}, Exception("It is away"))

    with monkeypatch.context() as patched:
        patched.setattr(watch, "autocommit", away)
        clock.shift(60)
        with pytest.raises(OperationalError):
            look(mine)
    forget(app)
    assert look(mine) == []
    clock.shift(16)
    assert len(look(mine)) == 2


OPERATORS = [event for event in Event if event.startswith(("worker", "scheduler"))]


@pytest.fixture
def alerted(app: Flask) -> Callable[[], tuple[list[tuple[str, dict[str, object]]], list[tuple[str, str]]]]:
    """Have webhooks and a mail address told; give a function that returns their events and mails."""
    with context(app):
        WebhookFactory(events=OPERATORS)
        WebhookFactory(events=[Event.MESSAGE_SENT])
        db.session.merge(NotificationSettings(id=1, email_notifier_id=EmailNotifierFactory().id))
        change_settings(alert_email="ops@example.com")

    def read() -> tuple[list[tuple[str, dict[str, object]]], list[tuple[str, str]]]:
        deliveries, messages = table_of(WebhookDelivery).c, table_of(Message).c
        with context(app):
            events = autocommit().execute(select(deliveries.event, deliveries.data).order_by(deliveries.id))
            mails = autocommit().execute(
                select(messages.subject, messages.text)
                .where(messages.recipient == "ops@example.com", messages.status == MessageStatus.QUEUED)
                .order_by(messages.id)
            )
            return [(event, json.loads(data)) for event, data in events], [(row[0], row[1]) for row in mails]

    return read


def test_webhooks_and_the_operators_are_told_of_both_once(
    app: Flask,
    look: Look,
    seen: Seen,
    clock: Clock,
    alerted: Callable[[], tuple[list[tuple[str, dict[str, object]]], list[tuple[str, str]]]],
) -> None:
    watches = Watch(), Watch()
    died = seen(*Role, ago=16)
    since = f"since {died:%Y-%m-%d %H:%M:%S} UTC"
    look(*watches)
    assert alerted() == ([], [])
    clock.shift(16)
    for _ in range(3):
        look(*watches)
        clock.shift(5)
    nobody = f"No worker has been seen {since}: nothing is sent."
    waits = f"No scheduler has been seen {since}: {WAITS}."
    shared = {"id": 0, "missing_since": timestamp(died)}
    missing = [
        (Event.WORKER_MISSING, {**shared, "detail": nobody}),
        (Event.SCHEDULER_MISSING, {**shared, "detail": waits}),
    ]
    mails = [("NotifyHub: no worker is running", nobody), ("NotifyHub: no scheduler is running", waits)]
    assert alerted() == (missing, mails)
    seen(*Role, name="mq3:3")
    for _ in range(2):
        look(*watches, Watch())
    back = [f"A {role} is there again: there was none {since}." for role in Role]
    recovered = [
        (Event.WORKER_RECOVERED, {**shared, "detail": back[0]}),
        (Event.SCHEDULER_RECOVERED, {**shared, "detail": back[1]}),
    ]
    again = [
        ("NotifyHub: a worker is running again", back[0]),
        ("NotifyHub: a scheduler is running again", back[1]),
    ]
    assert alerted() == ([*missing, *recovered], [*mails, *again])


def test_processes_that_notice_at_the_same_moment_tell_once(
    app: Flask, seen: Seen, clock: Clock, alerted: Callable[[], tuple[list[object], list[object]]]
) -> None:
    watches = [Watch() for _ in range(4)]
    seen(Role.SCHEDULER)
    start = threading.Barrier(len(watches))

    def check(mine: Watch) -> None:
        with app.app_context():
            start.wait(10)
            mine.check()

    def check_all() -> None:
        threads = [threading.Thread(target=check, args=(mine,)) for mine in watches]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)

    check_all()
    forget(app)
    seen(Role.SCHEDULER, name="mq2:2")
    clock.shift(16)
    check_all()
    assert [len(found) for found in alerted()] == [1, 1]
    seen(Role.WORKER, name="mq3:3")
    check_all()
    assert [len(found) for found in alerted()] == [2, 2]


def test_what_could_not_be_published_is_told_with_the_next_look(
    app: Flask, look: Look, seen: Seen, clock: Clock
) -> None:
    mine = Watch()
    seen(Role.SCHEDULER)
    look(mine)
    clock.shift(16)

    def refuse(_connection: Connection, _event: RoleMissing) -> None:
        raise OperationalError("INSERT", {}, Exception("It is full"))

    with subscribed(RoleMissing, refuse), pytest.raises(OperationalError):
        look(mine)
    assert look(mine) == ["No worker is running: nothing is sent"]
