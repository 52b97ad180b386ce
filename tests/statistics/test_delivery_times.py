"""How long delivery takes, as it is told of the latest messages of each notifier."""

from datetime import timedelta

from flask import Flask

from notifyhub.database.base import now
from notifyhub.database.connections import autocommit
from notifyhub.delivery.figures import Notifier
from notifyhub.messages.models import MessageStatus
from notifyhub.statistics import delivery_times
from tests.support.factories import MessageFactory, SMSNotifierFactory
from tests.support.plans import explained, forget_statistics


def delivered(notifier: object, seconds: float, **values: object) -> None:
    moment = now()
    MessageFactory(
        notifier=notifier,
        status=MessageStatus.DELIVERED,
        next_attempt_at=None,
        **{"sent_at": moment, "delivered_at": moment + timedelta(seconds=seconds), **values},
    )


def test_half_and_most_of_the_latest_deliveries_are_told_by_notifier(app: Flask) -> None:
    with app.app_context():
        fast, slow, idle = (SMSNotifierFactory() for _ in range(3))
        for seconds in (1, 2, 3, 100):
            delivered(fast, seconds)
        delivered(fast, 1000, is_test=True)
        delivered(fast, 1000, sent_at=None)
        MessageFactory(notifier=fast, status=MessageStatus.SENT, sent_at=now())
        delivered(slow, 60)
        asked = [Notifier("sms", each.id) for each in (fast, slow, idle)]
        found = delivery_times.latest(autocommit(), asked, is_test=False)
        assert found == {asked[0]: (4, 2000, 100_000), asked[1]: (1, 60_000, 60_000)}
        assert delivery_times.latest(autocommit(), asked, is_test=True)[asked[0]].half == 1_000_000
        assert delivery_times.latest(autocommit(), [], is_test=False) == {}


def test_only_the_latest_are_looked_at(app: Flask) -> None:
    with app.app_context():
        account = SMSNotifierFactory()
        for seconds in [500] * 20 + [1] * delivery_times.LATEST:
            delivered(account, seconds)
        asked = Notifier("sms", account.id)
        found = delivery_times.latest(autocommit(), [asked], is_test=False)
        assert found[asked] == (delivery_times.LATEST, 1000, 1000)


def test_a_range_of_an_index_is_read(app: Flask) -> None:
    forget_statistics(app, "messages")
    with app.app_context():
        notifiers = [Notifier("sms", 1), Notifier("email", 2)]
        with explained(app) as plans:
            delivery_times.latest(autocommit(), notifiers, is_test=False)
    (plan,) = plans
    assert plan.count("ix_messages_notifier") == len(notifiers)
    assert "SCAN messages" not in plan
    assert "Seq Scan" not in plan
    assert "Sort" not in plan
    assert "TEMP B-TREE" not in plan
