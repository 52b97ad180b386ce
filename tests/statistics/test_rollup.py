"""The roll-up: what is counted when, what takes it back, and who waits for whom."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from flask import Flask
from sqlalchemy import select, update

from notifyhub.database.base import now, table_of
from notifyhub.database.connections import transaction
from notifyhub.delivery import reports
from notifyhub.extensions import db
from notifyhub.jobs.tasks import beat_schedule
from notifyhub.messages import transitions
from notifyhub.messages.models import Message, MessageStatus
from notifyhub.providers.base import Report
from notifyhub.statistics import rollup
from notifyhub.statistics.models import OpenMessage, StatisticsCount, StatisticsQuarter, StatisticsState
from tests.statistics.counting import STATISTICS
from tests.support.clients import Api
from tests.support.factories import MessageFactory, SMSNotifierFactory
from tests.support.scripted import NAME, Scripted

START = datetime(2026, 3, 21, 12, 3, tzinfo=UTC)
QUARTER = datetime(2026, 3, 21, 12, tzinfo=UTC)
FIVE_HOURS = timedelta(hours=5)


@pytest.fixture
def clock(app: Flask) -> Iterator[time_machine.Traveller]:
    with time_machine.travel(START, tick=False) as traveller:
        yield traveller


def make(app: Flask, status: MessageStatus = MessageStatus.FAILED, **values: Any) -> int:
    with app.app_context():
        message: Message = MessageFactory(status=status, created_at=now(), **values)
        return message.id


def count(app: Flask) -> int:
    with app.app_context():
        return rollup.run(60)


def quarters(app: Flask) -> list[tuple[datetime, bool, datetime]]:
    with app.app_context(), db.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(select(table_of(StatisticsQuarter)))]


def left_out(app: Flask) -> list[int]:
    with app.app_context(), db.engine.connect() as connection:
        return list(connection.scalars(select(OpenMessage.message_id).order_by(OpenMessage.message_id)))


def statuses(api: Api) -> dict[str, int]:
    answer = api.get(STATISTICS, query_string={"by": "status", "interval": "total", "from": "2026-03-20"})
    assert answer.status == 200
    return {result["status"]: result["messages"] for result in answer.json["results"]}


def test_a_quarter_is_counted_an_hour_after_its_end(app: Flask, clock: time_machine.Traveller) -> None:
    make(app)
    clock.move_to(QUARTER + timedelta(minutes=75, seconds=-1))
    assert count(app) == 0
    clock.move_to(QUARTER + timedelta(minutes=75))
    assert count(app) == 1
    assert quarters(app) == []
    with app.app_context(), db.engine.connect() as connection:
        counts = connection.execute(select(StatisticsCount.quarter, StatisticsCount.by_pattern)).all()
        assert connection.scalar(select(StatisticsState.counted_until)) == QUARTER + timedelta(minutes=15)
    assert sorted(map(tuple, counts)) == [(QUARTER, False), (QUARTER, True)]
    assert count(app) == 0


def test_what_is_counted_is_not_read_again(app: Flask, api: Api, clock: time_machine.Traveller) -> None:
    """So far as it can be seen: a change behind the service's back shows after a rebuild alone."""
    make(app)
    clock.shift(FIVE_HOURS)
    count(app)
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(update(Message).values(status=MessageStatus.DELIVERED))
    assert statuses(api) == {"failed": 1}
    runner = app.test_cli_runner().invoke(args=["statistics", "rebuild"])
    assert runner.exit_code == 0, runner.output
    assert runner.stdout == "All messages are counted that are older than an hour.\n"
    assert statuses(api) == {"delivered": 1}
    assert count(app) == 0


def test_an_open_message_is_left_out_and_looked_at(
    app: Flask, api: Api, clock: time_machine.Traveller
) -> None:
    waiting = make(app, MessageStatus.SCHEDULED)
    for _ in range(3):
        make(app)
    clock.shift(FIVE_HOURS)
    assert count(app) == 1
    assert left_out(app) == [waiting]
    [(begins_at, is_counted, due_at)] = quarters(app)
    assert (begins_at, is_counted) == (QUARTER, True)
    assert due_at == now() + (now() - QUARTER)
    assert statuses(api) == {"failed": 3, "scheduled": 1}
    with app.app_context(), transaction() as connection:
        transitions.cancel(connection, waiting, test=False)
    assert statuses(api) == {"failed": 3, "cancelled": 1}
    clock.move_to(due_at)
    assert count(app) == 1
    assert (left_out(app), quarters(app)) == ([], [])
    assert statuses(api) == {"failed": 3, "cancelled": 1}


def test_a_quarter_of_which_much_is_open_is_counted_live(
    app: Flask, api: Api, clock: time_machine.Traveller
) -> None:
    for status in (MessageStatus.QUEUED, MessageStatus.QUEUED, *[MessageStatus.FAILED] * 5):
        make(app, status)
    clock.shift(FIVE_HOURS)
    count(app)
    assert left_out(app) == []
    assert [is_counted for _, is_counted, _ in quarters(app)] == [False]
    assert statuses(api) == {"failed": 5, "queued": 2}


def test_a_retry_takes_the_count_back(app: Flask, api: Api, clock: time_machine.Traveller) -> None:
    retried, _ = make(app, sent_at=None), make(app)
    clock.shift(timedelta(days=40))
    count(app)
    assert api.post(f"/api/notifications/messages/{retried}/retry").status == 200
    assert statuses(api) == {"failed": 1, "queued": 1}
    assert [is_counted for _, is_counted, _ in quarters(app)] == [False]
    with app.app_context(), db.engine.begin() as connection:
        sent = update(Message).where(Message.id == retried)
        connection.execute(sent.values(status=MessageStatus.SENT, next_attempt_at=None))
    clock.shift(timedelta(minutes=15))
    assert count(app) == 1
    assert statuses(api) == {"failed": 1, "sent": 1}
    assert quarters(app) == []


@pytest.mark.usefixtures("scripted")
@pytest.mark.parametrize("is_asked", [True, False], ids=["asked for", "not asked for any more"])
def test_a_report_however_late_shows(
    app: Flask, api: Api, clock: time_machine.Traveller, *, is_asked: bool
) -> None:
    """One that is asked for is of an open message: nothing has to be counted anew for it."""
    with app.app_context():
        notifier = SMSNotifierFactory(backend=NAME, settings={"token": "a"})
        due = START if is_asked else None
        sent = {"sent_at": START, "provider_message_id": "a-1", "report_due_at": due, "next_attempt_at": None}
        message: Message = MessageFactory(
            notifier=notifier, status=MessageStatus.SENT, created_at=START, **sent
        )
        late = message.id
    for _ in range(3):
        make(app)
    clock.shift(timedelta(days=2))
    count(app)
    assert left_out(app) == ([late] if is_asked else [])
    Scripted.told["a-1"] = Report("delivered")
    with app.app_context():
        reports.fetch([late])
    assert statuses(api) == {"failed": 3, "delivered": 1}
    assert [is_counted for _, is_counted, _ in quarters(app)] == [is_asked]


def test_a_change_of_a_fresh_message_costs_no_more_than_a_look_at_its_age(
    app: Flask, clock: time_machine.Traveller
) -> None:
    fresh = make(app)
    clock.shift(timedelta(minutes=29))
    with app.app_context(), transaction() as connection:
        rollup.reopen(connection, {fresh: START})
    assert quarters(app) == []


@pytest.mark.parametrize("first", ["retry", "count"])
def test_a_retry_during_the_counting_is_not_lost(
    app: Flask, api: Api, clock: time_machine.Traveller, first: str
) -> None:
    """Whoever comes second waits for the other, or leaves the quarter alone."""
    retried = make(app)
    clock.shift(FIVE_HOURS)
    with app.app_context():
        while rollup.advance():
            pass

    def retry_slowly() -> None:
        with app.app_context(), transaction() as connection:
            transitions.retry(connection, retried, test=False)
            if is_postgresql:  # on SQLite the counting waits for the lock of all writing
                assert others.submit(count, app).result() == 0

    def count_slowly() -> None:
        with app.app_context(), transaction() as connection:
            locked = select(StatisticsQuarter.begins_at).with_for_update()
            begin = connection.execute(locked).scalar_one()
            rollup.count_quarter(connection, begin)
            pending.append(others.submit(api.post, f"/api/notifications/messages/{retried}/retry"))

    with app.app_context():
        is_postgresql = db.engine.name == "postgresql"
    pending: list[Any] = []
    with ThreadPoolExecutor(1) as others:
        {"retry": retry_slowly, "count": count_slowly}[first]()
        assert [each.result().status for each in pending] == ([] if first == "retry" else [200])
    assert statuses(api) == {"queued": 1}
    clock.shift(FIVE_HOURS)
    count(app)
    assert statuses(api) == {"queued": 1}


def test_several_schedulers_share_the_counting(app: Flask, api: Api, clock: time_machine.Traveller) -> None:
    for _ in range(30):
        make(app)
        clock.shift(timedelta(minutes=15))
    clock.shift(FIVE_HOURS)
    with ThreadPoolExecutor(3) as schedulers:
        counted = [each.result() for each in [schedulers.submit(count, app) for _ in range(3)]]
    assert sum(counted) == 30
    assert (quarters(app), statuses(api)) == ([], {"failed": 30})


def test_more_quarters_than_one_transaction_makes_known(
    app: Flask, api: Api, clock: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rollup, "QUARTERS_AT_ONCE", 2)
    for _ in range(5):
        make(app)
        clock.shift(timedelta(hours=2))
    assert count(app) == 5
    assert statuses(api) == {"failed": 5}


def test_the_task_is_periodic(app: Flask) -> None:
    assert beat_schedule()["notifyhub.count_statistics"]["schedule"] == 60
