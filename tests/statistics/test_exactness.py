"""Statistics are what counting all messages would give, whatever happens to these, and whenever."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random

import time_machine
from flask import Flask
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from notifyhub.database.base import now
from notifyhub.delivery import recovery, reports, retention
from notifyhub.delivery.rounds import deliver
from notifyhub.extensions import db
from notifyhub.messages.models import Batch, Channel, Message, MessageStatus
from notifyhub.messages.transitions import RETRIABLE
from notifyhub.providers.base import Report
from notifyhub.settings.models import DeliverySettings
from notifyhub.statistics import rollup
from tests.messages.accounts import BATCHES, MESSAGES
from tests.statistics.counting import STATISTICS, counted, in_any_order, stored
from tests.support.clients import Api
from tests.support.databases import clear
from tests.support.factories import MessageFactory, SMSNotifierFactory
from tests.support.rows import context
from tests.support.scripted import NAME, Scripted

START = datetime(2026, 3, 20, 19, 7, 33, 123456, tzinfo=UTC)  # shortly before Nowruz, in Tehran
STEPS = 40
WORDS = ("accepted", "accepted", "temporary", "refused", "uncertain")
PAUSES = [timedelta(minutes=m) for m in (1, 14, 31, 65, 200, 1300, 4400)]
ZONES = ("Asia/Tehran", "UTC", "Asia/Kathmandu", "America/New_York")


def as_task(act: Callable[["Life"], None]) -> Callable[["Life"], None]:
    """Have an action done in the application's context, as a worker does it."""

    def done(self: "Life") -> None:
        with context(self.app):
            act(self)
            db.session.remove()

    return done


class Life:
    """Messages that live as chance has it."""

    def __init__(self, app: Flask, api: Api, clock: time_machine.Traveller, chance: Random) -> None:
        self.app, self.api, self.clock, self.chance = app, api, clock, chance
        with app.app_context():
            made = [SMSNotifierFactory(name=each, backend=NAME, settings={"token": each}) for each in "ab"]
            self.notifier_id = made[0].id
            values = {"retention_days": 1, "max_attempts": 2, "sms_backup_notifiers": [made[1].id]}
            db.session.merge(DeliverySettings(id=1, **values))
            db.session.commit()

    @as_task
    def create(self) -> None:
        batch = Batch(count=3) if self.chance.random() < 0.3 else None
        if batch:
            db.session.add(batch)
            db.session.commit()
        for _ in range(self.chance.randint(1, 5)):
            wait = self.chance.choice((None, None, None, timedelta(hours=3), timedelta(days=3)))
            mail = self.chance.random() < 0.2
            MessageFactory(
                notifier=None,
                channel=Channel.EMAIL if mail else Channel.SMS,
                notifier_id=self.notifier_id,
                notifier_name="x",
                home_notifier_id=self.notifier_id,
                pattern_id=self.chance.choice((None, 1, 2)),
                status=self._status(mail=mail, later=wait is not None),
                sent_at=now() if mail else None,
                next_attempt_at=None if mail else now() + (wait or timedelta(0)),
                expires_at=now() + timedelta(days=4),
                segments=None if mail else self.chance.randint(1, 3),
                is_test=self.chance.random() < 0.15,
                batch_id=batch and batch.id,
                created_at=now(),
            )

    def _status(self, *, mail: bool, later: bool) -> MessageStatus:
        if mail:  # of which there are no reports
            return self.chance.choice((MessageStatus.SENT, MessageStatus.FAILED))
        return MessageStatus.SCHEDULED if later else MessageStatus.QUEUED

    def ids(self, *statuses: MessageStatus) -> list[int]:
        with self.app.app_context():
            found = db.session.scalars(
                select(Message.id).where(Message.status.in_(statuses)).order_by(Message.id)
            ).all()
        return self.chance.sample(found, min(len(found), 4))

    @as_task
    def send(self) -> None:
        for token in ("a", "b"):
            Scripted.script(token, self.chance.choices(WORDS, k=8))
        for id_ in self.ids(MessageStatus.QUEUED, MessageStatus.SCHEDULED, MessageStatus.SENDING):
            deliver(id_)

    @as_task
    def report(self) -> None:
        self._tell()
        for ids in reports.claim_due():
            if self.chance.random() < 0.7:
                reports.fetch(ids)

    @as_task
    def report_late(self) -> None:
        self._tell()
        reports.fetch(self.ids(MessageStatus.SENT))

    def _tell(self) -> None:
        for id_ in db.session.scalars(select(Message.provider_message_id)):
            if id_ and self.chance.random() < 0.3:
                Scripted.told[id_] = Report(self.chance.choice(("delivered", "undelivered", "pending")))
        db.session.rollback()

    def retry(self) -> None:
        for id_ in self.ids(*RETRIABLE):
            assert self.api.post(f"{MESSAGES}/{id_}/retry").status in {200, 409}  # 409: it is erased

    def retry_batch(self) -> None:
        with self.app.app_context():
            found = db.session.scalars(select(Batch.id).order_by(Batch.id)).all()
        for id_ in self.chance.sample(found, min(len(found), 2)):
            assert self.api.post(f"{BATCHES}/{id_}/retry").status == 200

    def cancel(self) -> None:
        for id_ in self.ids(MessageStatus.QUEUED, MessageStatus.SCHEDULED)[:1]:
            assert self.api.post(f"{MESSAGES}/{id_}/cancel").status == 200

    @as_task
    def expire(self) -> None:
        recovery.recover()

    @as_task
    def erase(self) -> None:
        retention.erase()

    def wait(self) -> None:
        self.clock.shift(self.chance.choice(PAUSES))

    @as_task
    def count(self) -> None:
        rollup.run(60)

    def check(self) -> None:
        """Compare an answer with what counting all messages gives."""
        rows = stored(self.app)
        begin = START - timedelta(hours=self.chance.choice((0, 1, 30)))
        begin += timedelta(seconds=self.chance.choice((0, 0, 999)))
        end = now() - timedelta(minutes=self.chance.choice((0, 0, 17, 700)))
        if begin >= end:
            return
        by = self.chance.sample(("channel", "notifier", "pattern", "status"), self.chance.randint(0, 4))
        zone = self.chance.choice(ZONES)
        interval = self.chance.choice(("hour", "day", "month", "total"))
        filters = self.chance.choice(({}, {}, {"channel": "sms"}, {"test": True}, {"batch": 1}))
        filters = {"channel": "sms", "pattern": 1} if self.chance.random() < 0.1 else dict(filters)
        if {"notifier", "pattern"} & {*by} and "channel" not in {*by, *filters}:
            by.append("channel")
        parameters = {
            "from": begin.isoformat(),
            "to": end.isoformat(),
            "by": ",".join(by),
            "timezone": zone,
            "interval": interval,
            **filters,
        }
        answer = self.api.get(STATISTICS, query_string=parameters)
        assert answer.status == 200, answer.json
        expected = counted(rows, begin, end, interval=interval, by=by, zone=zone, **filters)
        assert in_any_order(answer.json["results"]) == in_any_order(expected)


@settings(
    max_examples=5,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # to shrink a life takes minutes
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(seed=st.integers(0, 2**32))
def test_answers_are_what_counting_gives(
    app: Flask, token: Callable[..., str], scripted: type[Scripted], seed: int
) -> None:
    chance = Random(seed)  # no strategy's own: what is drawn depends on what is stored
    clear(app)
    Scripted.reset()
    with time_machine.travel(START, tick=False) as clock:
        life = Life(app, Api(app.test_client(), token()), clock, chance)
        often = (life.create, life.send, life.wait, life.count, life.check)
        seldom = (life.report, life.report_late, life.retry, life.retry_batch, life.cancel, life.expire)
        for _ in range(STEPS):
            chance.choice((*often, *often, *seldom, life.erase))()
        life.check()
        life.count()
        life.check()
