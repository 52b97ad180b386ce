"""Figures of notifiers: counted in memory, added up in the database."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError

from notifyhub.database.connections import autocommit
from notifyhub.delivery import figures as module
from notifyhub.delivery import recovery, retention
from notifyhub.delivery.figures import Counted, Figures, Notifier, latest, minutes
from notifyhub.extensions import db
from notifyhub.messages.models import MessageStatus
from notifyhub.providers.errors import Temporary, Uncertain
from tests.support.factories import AttemptFactory, MessageFactory, SMSNotifierFactory
from tests.support.rows import context

SMS = Notifier("sms", 1)
FAILURE = Temporary("deferred", "Not now.")


def counts() -> dict[str, int]:
    query = select(minutes.c.counted, func.sum(minutes.c.count)).group_by(minutes.c.counted)
    return {counted: int(count) for counted, count in autocommit().execute(query)}


def last() -> Any:
    return autocommit().execute(select(latest)).one()


def test_what_processes_have_counted_is_added_up(app: Flask) -> None:
    with app.app_context():
        for _ in range(2):
            mine = Figures()
            for ms in (10, 10, 300):
                mine.count_attempt(SMS, None, ms)
            mine.count_attempt(SMS, FAILURE)
            mine.count_deliveries(SMS, 5)
            mine.flush()
            mine.flush()
        assert counts() == {Counted.ACCEPTED: 6, Counted.FAILED: 2, Counted.DELIVERED: 10}


def test_nothing_is_lost_where_many_threads_count_and_write(app: Flask) -> None:
    mine = Figures()

    def work(_: int) -> None:
        with app.app_context():
            for number in range(50):
                mine.count_attempt(SMS, None, number)
                if number % 10 == 0:
                    mine.flush()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    with app.app_context():
        mine.flush()
        assert counts() == {Counted.ACCEPTED: 200}


def test_the_latest_success_and_failure_stay_until_later_ones(app: Flask) -> None:
    with app.app_context():
        mine = Figures()
        mine.count_attempt(SMS, FAILURE, 5)
        mine.flush()
        failed = last()
        assert (failed.accepted_at, failed.error_code, failed.error_detail) == (None, "deferred", "Not now.")
        mine.count_attempt(SMS, None, 5)
        mine.flush()
        accepted = last()
        assert accepted.accepted_at > failed.failed_at
        assert accepted.failed_at == failed.failed_at
        mine.count_attempt(SMS, Uncertain("timeout", "No answer."), 5)
        mine.flush()
        assert (last().accepted_at, last().error_code) == (accepted.accepted_at, "timeout")


def test_what_could_not_be_written_is_written_later(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OperationalError("", {}, Exception())

    with app.app_context():
        mine = Figures()
        mine.count_attempt(SMS, FAILURE, 5)
        with monkeypatch.context() as patch:
            patch.setattr(module, "_write", fail)
            with pytest.raises(OperationalError):
                mine.flush()
        mine.count_attempt(SMS, None, 5)
        mine.flush()
        assert counts() == {Counted.ACCEPTED: 1, Counted.FAILED: 1}
        assert last().error_code == "deferred"
        assert last().accepted_at is not None


def test_the_attempt_of_a_worker_that_died_is_counted(app: Flask) -> None:
    before, app.extensions["figures"] = app.extensions["figures"], Figures()
    try:
        with context(app):
            for is_test in (False, True):
                message = MessageFactory(status=MessageStatus.SENDING, lease_token="x", is_test=is_test)
                message.lease_until = message.next_attempt_at
                db.session.commit()
                AttemptFactory(message_id=message.id, notifier_id=message.notifier_id, outcome=None)
            db.session.rollback()
            assert recovery.recover().released == 2
            app.extensions["figures"].flush()
            assert counts() == {Counted.FAILED: 1}
            assert last().error_code == "worker_lost"
    finally:
        app.extensions["figures"] = before


def test_old_figures_and_those_of_notifiers_that_are_gone_are_forgotten(app: Flask) -> None:
    with context(app):
        there = SMSNotifierFactory().id
        db.session.rollback()
        mine = Figures()
        for id_ in (there, there + 1):
            mine.count_attempt(Notifier("sms", id_), None, 5)
        mine.flush()
        connection = autocommit()
        row = {
            "minute": 5,
            "channel": "sms",
            "notifier_id": there,
            "counted": "accepted",
            "ms": 5,
            "count": 1,
        }
        connection.execute(minutes.insert().values(row))
        module.purge()
        retention.forget_deleted_notifiers()
        assert connection.scalars(select(minutes.c.notifier_id)).all() == [there]
        assert connection.scalars(select(latest.c.notifier_id)).all() == [there]


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("5.7.60 The sender is not verified", "5.7.60 The sender is not verified"),
        ("+989121234567 is unknown", "••• is unknown"),
        ("۰۹۱۲۱۲۳۴۵۶۷ ناشناس", "••• ناشناس"),
        ("550 <sara@example.com>: unknown", "550 ••• unknown"),
        ("Error 1024", "Error 1024"),
    ],
)
def test_recipients_are_taken_out_of_a_provider_s_words(words: str, shown: str) -> None:
    assert module.without_recipients(words) == shown
