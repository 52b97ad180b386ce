"""Sending a confirmed campaign: each row once, also where several processes are at it."""

from threading import Barrier, Thread

import pytest
from flask import Flask
from sqlalchemy import select

from notifyhub.campaigns import checking, sending, storage
from notifyhub.campaigns.models import Campaign, CampaignStatus
from notifyhub.campaigns.recipient_files.table import Row
from notifyhub.campaigns.storage import Content, Settings
from notifyhub.database.base import now
from notifyhub.database.connections import transaction
from notifyhub.extensions import db
from notifyhub.messages.models import Message
from notifyhub.patterns.models import PatternStatus
from tests.support.factories import SMSPatternFactory

ROWS = 60


@pytest.fixture
def campaign(app: Flask, monkeypatch: pytest.MonkeyPatch) -> int:
    """The id of a confirmed campaign of several small batches."""
    monkeypatch.setattr("notifyhub.campaigns.checking.MAX_BULK", 7)
    with app.app_context():
        pattern = SMSPatternFactory(status=PatternStatus.APPROVED).id
        rows = [Row(number, (f"0912{number:07}", str(number))) for number in range(1, ROWS + 1)]
        common = {"channel": "sms", "pattern": pattern}
        settings = Settings(common, header=False, recipient=0, args=[1])
        db.session.remove()
        with transaction() as connection:
            id_ = storage.create(connection, "many", "me", rows, settings)
            checked = checking.check(connection, id_, settings, rows, now())
            assert sending.confirm(connection, id_, Content(rows, []), checked, by="you", test=False)
        return id_


def test_who_sends_a_campaign_at_once_with_others_sends_nothing_twice(app: Flask, campaign: int) -> None:
    together, failures = Barrier(4), list[BaseException]()

    def send() -> None:
        with app.app_context():
            together.wait()
            try:
                sending.send(campaign)
            except BaseException as error:  # noqa: BLE001 - told by the test's own thread
                failures.append(error)

    threads = [Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    with app.app_context():
        rows = db.session.scalars(select(Message.client_metadata).order_by(Message.id)).all()
        assert [int(row["row"]) for row in rows] == list(range(1, ROWS + 1))
        row = db.session.get(Campaign, campaign)
        assert row is not None
        assert (row.status, row.created_by) == (CampaignStatus.SENT, "you")


def test_a_campaign_is_confirmed_once(app: Flask, campaign: int) -> None:
    with app.app_context(), transaction() as connection:
        content = storage.read_content(connection, campaign)
        assert content is not None
        again = sending.confirm(connection, campaign, content, checking.CheckedFile(), by="other", test=True)
    assert not again


def test_a_campaign_that_is_stopped_has_no_further_batches(app: Flask, campaign: int) -> None:
    with app.app_context():
        sending.stop(campaign)
        sending.send(campaign)
        assert db.session.scalars(select(Message)).all() == []


def test_a_campaign_that_is_not_there_is_nothing_to_send(app: Flask) -> None:
    with app.app_context():
        sending.send(1)
