"""Messages that share a call to a provider: each has its own round, and its own end."""

import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from flask import Flask
from sqlalchemy import select, update

from notifyhub.database.base import now, table_of
from notifyhub.database.connections import autocommit
from notifyhub.delivery import claims, due_messages, rounds
from notifyhub.delivery.models import CircuitBreaker
from notifyhub.delivery.shared_calls import plan
from notifyhub.extensions import db
from notifyhub.jobs.threads import Threads, threads
from notifyhub.messages.models import Message, MessageStatus, Outcome
from notifyhub.notifiers.models import SMSNotifier
from notifyhub.providers.errors import BATCH_REFUSED
from tests.support.factories import AttemptFactory, MessageFactory, SMSPatternFactory
from tests.support.rows import change_settings, context, scripted_notifier
from tests.support.scripted import Scripted

messages = table_of(Message)

TEXT = "Your order is on its way."


@pytest.fixture
def bulk(app: Flask, scripted: type[Scripted], monkeypatch: pytest.MonkeyPatch) -> Any:
    """Messages of the notifier `a`, whose provider takes up to five in a call."""
    scripted.batch_size = 5
    monkeypatch.setitem(app.extensions, "threads", Threads(8))
    with context(app):
        yield Bulk(app, scripted_notifier("a"))


@dataclass
class Bulk:
    """Stored messages, and what becomes of them."""

    app: Flask
    notifier: SMSNotifier

    def stored(self, count: int, **values: Any) -> list[int]:
        values = {"notifier": self.notifier, "text": TEXT, **values}
        return [MessageFactory(**values).id for _ in range(count)]

    def give_rounds(self, ids: Sequence[int]) -> None:
        """Give rounds, those included that are given away to other threads."""
        rounds.give_rounds(rounds.claim(ids))
        threads().close()
        self.app.extensions["threads"] = Threads(8)

    def ends(self, ids: Sequence[int]) -> list[tuple[str, str | None]]:
        """Return the statuses of messages and their errors' codes."""
        rows = autocommit().execute(select(messages).where(messages.c.id.in_(ids)).order_by(messages.c.id))
        return [(row.status, row.error_code) for row in rows]

    def attempts(self, id: int) -> list[tuple[str, str | None]]:
        db.session.rollback()
        db.session.expire_all()
        made = db.session.get_one(Message, id).attempts
        db.session.rollback()
        return [(each.notifier_name, each.outcome) for each in made]


def test_equal_texts_of_a_notifier_share_calls_of_as_many_as_its_provider_takes(bulk: Bulk) -> None:
    ids = bulk.stored(12)
    assert plan(ids) == [ids[:5], ids[5:10], ids[10:]]


def test_the_settings_may_allow_fewer_or_none(bulk: Bulk) -> None:
    ids = bulk.stored(6)
    change_settings(sms_batch_size=4)
    assert plan(ids) == [ids[:4], ids[4:]]
    change_settings(sms_batch_size=1)
    assert plan(ids) == [[one] for one in ids]


def test_what_has_a_text_notifier_or_secret_of_its_own_goes_alone(bulk: Bulk) -> None:
    other = scripted_notifier("b")
    pattern = SMSPatternFactory(notifier_id=bulk.notifier.id, body=TEXT)
    first, second, *refused = bulk.stored(4)
    for one in refused:  # what it waits for by now is something else
        AttemptFactory(message_id=one, outcome=Outcome.TEMPORARY, error_code=BATCH_REFUSED)
    alone = [
        *bulk.stored(1, text="Another one."),
        *bulk.stored(1, notifier=other),
        *bulk.stored(2, pattern=pattern),
        *bulk.stored(2, otp_id=7),
        *bulk.stored(2, is_test=True),
        *refused,
    ]
    third = bulk.stored(1)
    assert plan([first, *alone, second, *third]) == [[first, second, *third], *([one] for one in alone)]


def test_who_can_not_be_read_goes_alone(bulk: Bulk) -> None:
    ids = bulk.stored(2)
    autocommit().execute(update(table_of(SMSNotifier)).values(backend="gone", updated_at=now()))
    assert plan([*ids, ids[-1] + 1]) == [[ids[0]], [ids[1]], [ids[-1] + 1]]


def test_messages_that_share_a_call_are_all_sent_by_it(bulk: Bulk) -> None:
    ids = bulk.stored(4)
    bulk.give_rounds(ids)
    assert bulk.ends(ids) == [(MessageStatus.SENT, None)] * 4
    assert Scripted.batches["a"] == [4]
    taken = autocommit().scalars(select(messages.c.provider_message_id).order_by(messages.c.id))
    assert list(taken) == ["a-1", "a-2", "a-3", "a-4"]
    assert {tuple(bulk.attempts(one)) for one in ids} == {(("a", Outcome.ACCEPTED),)}


def test_where_the_provider_answers_for_each_each_has_its_own_fate(bulk: Bulk) -> None:
    change_settings(resend_uncertain=False)
    Scripted.script("a", ["each", "accepted", "refused", "uncertain", "temporary", "accepted"])
    ids = bulk.stored(5)
    bulk.give_rounds(ids)
    assert bulk.ends(ids) == [
        (MessageStatus.SENT, None),
        (MessageStatus.FAILED, "blacklisted"),
        (MessageStatus.FAILED, "uncertain"),
        (MessageStatus.SENDING, "deferred"),
        (MessageStatus.SENT, None),
    ]


def test_a_call_whose_answer_is_lost_is_uncertain_for_all_of_it_and_nothing_is_sent_twice(bulk: Bulk) -> None:
    change_settings(resend_uncertain=False)
    Scripted.script("a", ["uncertain"])
    ids = bulk.stored(4)
    bulk.give_rounds(ids)
    bulk.give_rounds(ids)
    assert bulk.ends(ids) == [(MessageStatus.FAILED, "uncertain")] * 4
    assert len(Scripted.sent["a"]) == 4


def test_messages_go_on_together_to_a_backup(bulk: Bulk) -> None:
    backup = scripted_notifier("b", "each", "accepted", "temporary", "accepted")
    change_settings(sms_backup_notifiers=[backup.id])
    Scripted.script("a", ["each", "temporary", "accepted", "temporary", "temporary"])
    ids = bulk.stored(4)
    bulk.give_rounds(ids)
    assert Scripted.batches == {"a": [4], "b": [3]}
    sent, deferred = (MessageStatus.SENT, None), (MessageStatus.SENDING, "deferred")
    assert bulk.ends(ids) == [sent, sent, deferred, sent]
    assert bulk.attempts(ids[2]) == [("a", Outcome.TEMPORARY), ("b", Outcome.TEMPORARY)]


def test_after_a_refusal_that_names_nobody_each_is_tried_alone(bulk: Bulk) -> None:
    Scripted.script("a", ["batch_refused", "accepted", "refused", "accepted"])
    ids = bulk.stored(3)
    bulk.give_rounds(ids)
    assert bulk.ends(ids) == [(MessageStatus.SENDING, BATCH_REFUSED)] * 3
    autocommit().execute(update(messages).values(next_attempt_at=now()))
    for call in plan(ids):
        bulk.give_rounds(call)
    sent = (MessageStatus.SENT, None)
    assert bulk.ends(ids) == [sent, (MessageStatus.FAILED, "blacklisted"), sent]
    assert Scripted.batches["a"] == [3]


def test_the_last_round_is_one_that_each_has_alone(bulk: Bulk) -> None:
    change_settings(max_attempts=1)
    Scripted.script("a", ["batch_refused", "accepted", "refused", "temporary"])
    ids = bulk.stored(3)
    bulk.give_rounds(ids)
    autocommit().execute(update(messages).values(next_attempt_at=now(), error_code="rate_limited"))
    for call in plan(ids):
        bulk.give_rounds(call)
    assert bulk.ends(ids) == [
        (MessageStatus.SENT, None),
        (MessageStatus.FAILED, "blacklisted"),
        (MessageStatus.FAILED, "deferred"),
    ]
    assert Scripted.batches["a"] == [3]


@pytest.mark.parametrize("is_held", [True, False])
def test_the_leases_of_messages_that_have_waited_for_a_thread_are_renewed_before_the_call(
    bulk: Bulk, is_held: bool
) -> None:
    with time_machine.travel(now(), tick=False) as clock:
        ids = bulk.stored(2)
        claimed = rounds.claim(ids)
        clock.shift(50)
        if not is_held:
            autocommit().execute(update(messages).values(lease_token="of-another"))
        until: list[Any] = []
        lease_end = select(messages.c.lease_until).where(messages.c.id == ids[0])
        Scripted.during = lambda: until.append(autocommit().scalar(lease_end))
        rounds.give_rounds(claimed)
        assert until == ([now() + timedelta(seconds=60)] if is_held else [])
    assert [len(bulk.attempts(one)) for one in ids] == [1, 1]


def test_at_a_backup_that_takes_them_singly_they_go_in_as_many_threads_as_are_free(bulk: Bulk) -> None:
    backup = scripted_notifier("b")
    change_settings(sms_backup_notifiers=[backup.id])
    Scripted.singly.add("b")
    Scripted.script("a", ["temporary"])
    together = threading.Barrier(4)
    Scripted.during = lambda: None if not Scripted.sent["a"] else (together.wait(20), None)[1]
    ids = bulk.stored(4)
    bulk.give_rounds(ids)
    assert bulk.ends(ids) == [(MessageStatus.SENT, None)] * 4
    assert Scripted.batches == {"a": [4]}


def test_a_worker_that_is_stopped_puts_back_what_has_yet_to_be_tried_singly(bulk: Bulk) -> None:
    bulk.app.extensions["threads"] = own = Threads(1)
    backup = scripted_notifier("b")
    change_settings(sms_backup_notifiers=[backup.id])
    Scripted.singly.add("b")
    Scripted.script("a", ["temporary"])
    ids = bulk.stored(5)

    def stop() -> None:
        if Scripted.sent["a"] and not own.is_closed:
            threading.Thread(target=own.close).start()
            while not own.is_closed:
                time.sleep(0.001)

    Scripted.during = stop
    bulk.give_rounds(ids)
    ends = Counter(bulk.ends(ids))
    assert ends[MessageStatus.SENDING, "worker_stopped"] >= 2
    assert ends[MessageStatus.SENT, None] == 5 - ends[MessageStatus.SENDING, "worker_stopped"]
    left = select(messages).where(messages.c.error_code == "worker_stopped")
    for row in autocommit().execute(left).all():
        assert row.lease_token is None
        assert row.next_attempt_at <= now()
        assert row.rounds == 0


def test_a_call_that_fails_is_one_failure_of_its_notifier(bulk: Bulk) -> None:
    Scripted.script("a", ["trouble"])
    bulk.give_rounds(bulk.stored(5))
    assert autocommit().scalar(select(CircuitBreaker.failures)) == 1


def test_a_notifier_is_probed_with_one_message_and_the_others_follow_it(bulk: Bulk) -> None:
    ids = bulk.stored(4)
    breaker = {"channel": "sms", "notifier_id": bulk.notifier.id, "failures": 5}
    db.session.add(CircuitBreaker(**breaker, open_until=now() - timedelta(seconds=1)))
    db.session.commit()
    bulk.give_rounds(ids)
    assert bulk.ends(ids) == [(MessageStatus.SENT, None)] * 4
    assert (len(Scripted.sent["a"]), Scripted.batches["a"]) == (4, [3])


def test_the_others_wait_if_the_probe_fails(bulk: Bulk) -> None:
    ids = bulk.stored(4)
    breaker = {"channel": "sms", "notifier_id": bulk.notifier.id, "failures": 5}
    db.session.add(CircuitBreaker(**breaker, open_until=now() - timedelta(seconds=1)))
    db.session.commit()
    Scripted.script("a", ["trouble"])
    bulk.give_rounds(ids)
    assert [code for _, code in bulk.ends(ids)] == ["unavailable", *["notifier_resting"] * 3]
    assert len(Scripted.sent["a"]) == 1


def test_one_that_was_taken_away_meanwhile_is_left_out_and_the_leases_of_the_others_renewed(
    bulk: Bulk,
) -> None:
    backup = scripted_notifier("b")
    change_settings(sms_backup_notifiers=[backup.id])
    ids = bulk.stored(3)
    until = now() + timedelta(seconds=1)

    def take_away() -> None:
        if not Scripted.sent["a"]:
            autocommit().execute(update(messages).where(messages.c.id == ids[1]).values(lease_token="other"))
            autocommit().execute(update(messages).values(lease_until=until))
        else:
            held = autocommit().execute(select(messages.c.lease_until).where(messages.c.id != ids[1]))
            assert all(row.lease_until > until for row in held)

    Scripted.during = take_away
    Scripted.script("a", ["temporary"])
    bulk.give_rounds(ids)
    assert Scripted.batches == {"a": [3], "b": [2]}
    sent = (MessageStatus.SENT, None)
    assert bulk.ends(ids) == [sent, (MessageStatus.SENDING, None), sent]


def test_what_a_worker_has_not_written_is_uncertain_for_each_of_a_call(bulk: Bulk) -> None:
    ids = bulk.stored(3)
    taken = claims.claim(ids)
    assert sorted(one.id for one in taken) == ids
    assert len({one.lease_token for one in taken}) == 1
    assert {tuple(bulk.attempts(one)) for one in ids} == {(("a", None),)}


def test_a_job_s_list_is_dealt_out_in_calls_and_all_of_it_is_sent(app: Flask, bulk: Bulk) -> None:
    ids = [*bulk.stored(12), *bulk.stored(3, text="Another one.")]
    due_messages.deliver([*ids, ids[-1] + 1])
    threads().close()
    assert bulk.ends(ids) == [(MessageStatus.SENT, None)] * 15
    assert sorted(Scripted.batches["a"]) == [2, 3, 5, 5]


def test_a_message_that_a_list_names_twice_is_sent_once(bulk: Bulk) -> None:
    first, second = bulk.stored(2, text="One.")
    (other,) = bulk.stored(1, text="Another one.", is_test=True)
    due_messages.deliver([first, second, first, other, other, second])
    threads().close()
    assert len(Scripted.sent["a"]) == 2
    assert [len(bulk.attempts(one)) for one in (first, second, other)] == [1, 1, 1]
    assert bulk.ends([first, second, other]) == [(MessageStatus.SENT, None)] * 3


def test_nothing_is_begun_when_the_worker_has_been_told_to_stop(bulk: Bulk) -> None:
    ids = bulk.stored(7)
    threads().close()
    due_messages.deliver(ids)
    assert bulk.ends(ids) == [(MessageStatus.QUEUED, None)] * 7
    assert Scripted.sent["a"] == []
