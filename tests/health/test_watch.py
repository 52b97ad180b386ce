"""The watch: of all processes one tells that somebody is missing, and that he is back."""

from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy.exc import OperationalError

from notifyhub.extensions import db
from notifyhub.health import watch
from notifyhub.health.watch import Watch
from notifyhub.jobs.models import Role, Worker
from tests.health.conftest import Seen
from tests.support.queries import Queries

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
