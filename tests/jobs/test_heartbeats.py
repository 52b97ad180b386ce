"""Heartbeats: a row for each worker and scheduler that lives."""

import time
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from flask import Flask
from sqlalchemy import select, update

from notifyhub.database.base import table_of
from notifyhub.database.clock import DatabaseNow
from notifyhub.database.connections import autocommit
from notifyhub.jobs import heartbeats
from notifyhub.jobs.heartbeats import Heartbeats
from notifyhub.jobs.models import Role, Worker
from tests.support.queries import Queries

QUEUES = ["messages", "codes"]


def rows() -> list[Any]:
    return list(autocommit().execute(select(table_of(Worker)).order_by("name", "role")))


def test_a_worker_writes_what_it_is_and_renews_that_it_lives(app: Flask) -> None:
    with app.app_context():
        mine = Heartbeats(QUEUES)
        mine.beat()
        (first,) = rows()
        time.sleep(0.01)
        mine.beat()
        (second,) = rows()
    assert (first.role, first.queues) == (Role.WORKER, QUEUES)
    assert first.name.startswith(f"{first.host}:")
    assert first.version
    assert second.started_at == first.started_at
    assert second.last_seen_at > first.last_seen_at


def test_a_scheduler_has_a_row_of_its_own_while_it_looks_for_what_is_due(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    with app.app_context():
        mine = Heartbeats(QUEUES)
        mine.tick()
        mine.beat()
        scheduler, _ = rows()
        assert (scheduler.role, scheduler.queues) == (Role.SCHEDULER, [])
        monkeypatch.setattr(heartbeats, "SCHEDULER_STUCK_SECONDS", 0.0)
        time.sleep(0.01)
        mine.beat()
        stuck, worker = rows()
        assert stuck.last_seen_at == scheduler.last_seen_at
        assert worker.last_seen_at > stuck.last_seen_at


@pytest.mark.parametrize("has_scheduler", [False, True])
def test_a_heartbeat_costs_one_statement(app: Flask, queries: Queries, has_scheduler: bool) -> None:
    with app.app_context():
        mine = Heartbeats(QUEUES)
        if has_scheduler:
            mine.tick()
        for _ in range(2):
            with queries as sent:
                mine.beat()
            assert len(sent) == 1


def test_who_stops_is_not_missed_and_others_stay(app: Flask) -> None:
    with app.app_context():
        first, second = Heartbeats(QUEUES), Heartbeats(QUEUES)
        for each in (first, second):
            each.tick()
            each.beat()
        assert len(rows()) == 4
        first.end()
        assert len(rows()) == 2
        second.end()
        assert rows() == []


def test_the_moments_are_of_the_database_s_clock(app: Flask) -> None:
    """A worker whose clock is an hour wrong lives all the same; SQLite has no clock but the machine's."""
    with app.app_context():
        with time_machine.travel(timedelta(hours=1), tick=False):
            Heartbeats(QUEUES).beat()
        (row,) = rows()
        age = autocommit().scalar(select(DatabaseNow())) - row.last_seen_at  # type: ignore[operator]
    assert abs(age) < timedelta(seconds=5)


def test_who_stops_takes_what_dead_ones_have_left_along(app: Flask) -> None:
    with app.app_context():
        dead, living, mine = (Heartbeats(QUEUES) for _ in range(3))
        for each in (dead, living, mine):
            each.beat()
        table = table_of(Worker)
        long_ago = rows()[0].last_seen_at - timedelta(minutes=5)
        left = table.c.process == dead._process
        autocommit().execute(update(table).where(left).values(last_seen_at=long_ago))
        mine.end()
        assert [row.process for row in rows()] == [living._process]
