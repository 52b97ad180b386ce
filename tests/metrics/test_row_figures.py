"""Figures of the rows, on both databases: what they tell, what they cost, what an outage makes of them."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from notifyhub.database.base import now
from notifyhub.delivery.models import CircuitBreaker
from notifyhub.extensions import db
from notifyhub.health.models import NotifierCredit
from notifyhub.metrics import row_figures
from notifyhub.metrics.row_figures import FRESH_SECONDS, RowFigures
from tests.metrics.exposition import Exposition
from tests.support.databases import engines
from tests.support.factories import EmailNotifierFactory, MessageFactory, SMSNotifierFactory
from tests.support.queries import Queries

ROWS = ("notifyhub_queue_depth", "notifyhub_notifier_state", "notifyhub_workers", "notifyhub_status")


@pytest.fixture(autouse=True)
def _nothing_read_before(app: Flask) -> None:
    app.extensions["row_figures"] = RowFigures()


def metrics(app: Flask) -> Exposition:
    answer = app.test_client().get("/metrics")
    assert answer.status_code == 200, answer.text
    return Exposition(answer.text)


def test_they_tell_what_waits(app: Flask) -> None:
    with app.app_context():
        notifier = SMSNotifierFactory()
        MessageFactory(notifier=notifier, next_attempt_at=now() - timedelta(seconds=100))
        MessageFactory(notifier=notifier, next_attempt_at=now() + timedelta(seconds=100))
        MessageFactory(notifier=notifier, next_attempt_at=now(), otp_id=1)
    found = metrics(app)
    depths = {sample.labels["queue"]: sample.value for sample in found.named("notifyhub_queue_depth")}
    assert depths == {"messages": 1, "codes": 1, "webhooks": 0, "upkeep": 0}
    assert 99 <= found.sum("notifyhub_queue_oldest_age_seconds", queue="messages") <= 110
    assert found.sum("notifyhub_queue_oldest_age_seconds", queue="webhooks") == 0
    assert found.sum("notifyhub_workers") == 0
    assert found.sum("notifyhub_status", status="down") == 1
    assert found.sum("notifyhub_database_up") == 1


def test_they_tell_how_notifiers_do(app: Flask) -> None:
    with app.app_context():
        sms, mail = SMSNotifierFactory(name='a "name"\n'), EmailNotifierFactory(name="mail")
        sms_id, mail_id = str(sms.id), str(mail.id)
        db.session.add(
            CircuitBreaker(
                channel="sms", notifier_id=sms.id, failures=5, open_until=now() + timedelta(seconds=30)
            )
        )
        db.session.add(NotifierCredit(notifier_id=sms.id, asked_at=now(), amount=37414.5, read_at=now()))
        db.session.commit()
    found = metrics(app)
    one, other = {"channel": "sms", "notifier": sms_id}, {"channel": "email", "notifier": mail_id}
    assert found.sum("notifyhub_notifier_state", **one, state="resting") == 1
    assert found.sum("notifyhub_notifier_state", **one) == 1
    assert found.sum("notifyhub_notifier_state", **other, state="working") == 1
    assert found.sum("notifyhub_notifier_failures_in_a_row", **one) == 5
    assert found.sum("notifyhub_notifier_credit", **one) == 37414.5
    assert not found.named("notifyhub_notifier_credit", **other)
    assert found.sum("notifyhub_notifier_info", **one, name='a "name"\n') == 1


def test_they_cost_a_few_statements_in_five_seconds(
    app: Flask, queries: Queries, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(row_figures, "time", SimpleNamespace(monotonic=lambda: 1_000_000_000.0))
    with queries as sent:
        for _ in range(5):
            metrics(app)
    assert len(sent) == 4, sent


@pytest.fixture
def outage(app: Flask) -> Any:
    """The database refuses every statement."""

    def refuse(*_: Any) -> None:
        raise OperationalError("SELECT", {}, Exception("gone"), connection_invalidated=True)

    for engine in engines(app):
        event.listen(engine, "before_cursor_execute", refuse)
    yield
    for engine in engines(app):
        event.remove(engine, "before_cursor_execute", refuse)


@pytest.mark.usefixtures("outage")
def test_without_the_database_the_counts_are_told_and_the_rows_are_not(app: Flask) -> None:
    found = metrics(app)
    assert found.sum("notifyhub_database_up") == 0
    assert not [name for name in ROWS if found.named(name)]
    app.test_client().get("/healthz")
    assert metrics(app).sum("notifyhub_http_requests_total", route="/healthz") >= 1


def test_they_are_there_again_after_an_outage(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OperationalError("SELECT", {}, Exception("gone"))

    clock = [1000.0]
    monkeypatch.setattr(row_figures.time, "monotonic", lambda: clock[0])
    with monkeypatch.context() as patch:
        patch.setattr(row_figures.report, "read", fail)
        assert metrics(app).sum("notifyhub_database_up") == 0
    assert metrics(app).sum("notifyhub_database_up") == 0
    clock[0] += FRESH_SECONDS + 0.1
    assert metrics(app).sum("notifyhub_database_up") == 1
