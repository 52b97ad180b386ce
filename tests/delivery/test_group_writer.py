"""The ends of rounds that come together: written in one transaction, and each as if it were alone."""

import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Connection, insert, select, text, update
from sqlalchemy.exc import OperationalError

from notifyhub.database.base import table_of
from notifyhub.database.connections import autocommit, is_postgresql
from notifyhub.delivery import outcomes
from notifyhub.delivery.group_writer import MAX_GROUP, GroupWriter
from notifyhub.delivery.models import CircuitBreaker
from notifyhub.delivery.rounds import deliver
from notifyhub.extensions import db
from notifyhub.messages.events import MessageChanged
from notifyhub.messages.models import Attempt, Message, MessageStatus
from tests.support.events import subscribed
from tests.support.factories import MessageFactory
from tests.support.rows import scripted_notifier
from tests.support.scripted import Scripted
from tests.support.threads import in_threads

MANY = 12
UNREACHABLE = OperationalError("", None, sqlite3.OperationalError("unable to open database file"))

messages, breakers = table_of(Message), table_of(CircuitBreaker)


class Written:
    """Writes values, which are multiplied by ten, and notes each group; the first waits for the others."""

    def __init__(self, expected: int) -> None:
        self.groups: list[list[int]] = []
        self.expected = expected
        self.writer = GroupWriter[int, int](self.write_all, linger=0)
        self.error: Exception | None = None

    def write(self, value: int) -> int:
        (result,) = self.writer.write([value])
        return result

    def write_all(self, values: Sequence[int]) -> list[int]:
        self.groups.append(list(values))
        if len(self.groups) == 1:
            wait_for(self.writer, self.expected - 1)
        elif self.error is not None and 7 in values:
            raise self.error
        return [10 * value for value in values]


def wait_for(writer: GroupWriter[Any, Any], count: int) -> None:
    """Wait until as many threads wait for the writer."""
    deadline = time.monotonic() + 30
    while len(writer._waiting) < count:
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_what_comes_while_one_is_written_is_written_together_and_each_gets_its_own_result() -> None:
    written = Written(20)
    assert in_threads(written.write, range(20)) == [10 * value for value in range(20)]
    assert [len(group) for group in written.groups] == [1, 19]
    assert written.write(5) == 50
    assert written.groups[2:] == [[5]]


def test_a_leader_waits_for_those_that_come_in_the_same_moment() -> None:
    groups: list[list[int]] = []

    def write_all(values: Sequence[int]) -> Sequence[int]:
        groups.append(list(values))
        return values

    writer = GroupWriter[int, int](write_all, linger=0.5)
    in_threads(lambda value: writer.write([value]), range(5))
    assert [sorted(group) for group in groups] == [list(range(5))]


def test_a_group_has_its_limit() -> None:
    written = Written(MAX_GROUP + 12)
    in_threads(written.write, range(MAX_GROUP + 12))
    assert [len(group) for group in written.groups] == [1, MAX_GROUP, 11]


def test_an_error_is_of_that_alone_which_fails_alone() -> None:
    written = Written(10)
    written.error = ZeroDivisionError("seven")
    results = in_threads(written.write, [*range(10, 19), 7])
    if written.groups[0] == [7]:  # it came first, when nothing fails
        pytest.skip("The one that fails led")
    assert results == [*(10 * value for value in range(10, 19)), written.error]
    assert [len(group) for group in written.groups] == [1, 9, *[1] * 9]


def test_that_the_database_is_out_of_reach_is_said_to_all_and_the_next_are_written() -> None:
    written = Written(10)
    written.error = UNREACHABLE
    results = in_threads(written.write, [*range(10, 19), 7])
    if written.groups[0] == [7]:
        pytest.skip("The one that fails led")
    assert Counter(map(type, results)) == {int: 1, OperationalError: 9}
    assert written.write(5) == 50


@pytest.fixture
def group(app: Flask, scripted: type[Scripted], monkeypatch: pytest.MonkeyPatch) -> "Group":
    return Group(app, monkeypatch)


class Group:
    """Messages that are delivered at the same time: all but one wait while the first one's end is written."""

    def __init__(self, app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
        self.app = app
        self.sizes: list[int] = []
        self.before: Callable[[], None] = lambda: None
        self.writer = GroupWriter(self._write, linger=0)
        monkeypatch.setitem(app.extensions, "outcome_writer", self.writer)
        with app.app_context():
            notifier = scripted_notifier("a")
            self.ids = [MessageFactory(notifier=notifier).id for _ in range(MANY)]

    def _write(self, rounds: Sequence[Any]) -> list[bool]:
        self.sizes.append(len(rounds))
        if len(self.sizes) == 1:
            wait_for(self.writer, MANY - 1)
            self.before()
        return outcomes.write(rounds)

    def deliver(self) -> None:
        def deliver_one(message_id: int) -> None:
            with self.app.app_context():
                deliver(message_id)

        assert in_threads(deliver_one, self.ids) == [None] * MANY

    def statuses(self) -> dict[int, str]:
        with self.app.app_context():
            rows = db.session.execute(select(messages.c.id, messages.c.status)).all()
            return {row.id: row.status for row in rows}


def test_the_rounds_of_many_threads_end_in_two_transactions(group: Group) -> None:
    group.deliver()
    assert group.sizes == [1, MANY - 1]
    assert group.statuses() == dict.fromkeys(group.ids, MessageStatus.SENT)
    with group.app.app_context():
        ended = db.session.execute(select(Attempt.message_id, Attempt.outcome).order_by(Attempt.message_id))
        assert ended.all() == [(id_, "accepted") for id_ in group.ids]
        taken = db.session.scalars(select(Message.provider_message_id)).all()
        assert set(taken) <= {f"a-{number}" for number in range(1, MANY + 1)}


def test_a_subscriber_that_fails_for_a_message_fails_that_one_only(group: Group) -> None:
    doomed = group.ids[3]

    def fail(_connection: Connection, event: MessageChanged) -> None:
        if event.id == doomed:
            raise ZeroDivisionError

    with subscribed(MessageChanged, fail):
        group.deliver()
    expected = dict.fromkeys(group.ids, MessageStatus.SENT)
    assert group.statuses() == {**expected, doomed: MessageStatus.SENDING}
    with group.app.app_context():
        message = db.session.get_one(Message, doomed)
        assert (message.error_code, message.lease_token) == ("internal_error", None)
        assert [attempt.outcome for attempt in message.attempts] == ["uncertain"]


def test_a_lease_that_was_lost_is_lost_alone(group: Group, caplog: pytest.LogCaptureFixture) -> None:
    lost = group.ids[3]

    def lose() -> None:
        autocommit().execute(update(messages).where(messages.c.id == lost).values(lease_token="other"))

    group.before = lose
    group.deliver()
    expected = dict.fromkeys(group.ids, MessageStatus.SENT)
    assert group.statuses() == {**expected, lost: MessageStatus.SENDING}
    with group.app.app_context():
        assert db.session.get_one(Message, lost).lease_token == "other"
    words = [record.getMessage() for record in caplog.records if record.name == "notifyhub.delivery"]
    assert [str(lost) in line for line in words] == [True]


def test_where_the_connection_is_cut_while_a_group_is_written_each_is_written_again(group: Group) -> None:
    cut = threading.Event()

    def cut_off(connection: Connection, _event: MessageChanged) -> None:
        if len(group.sizes) > 1 and not cut.is_set():
            cut.set()
            if is_postgresql():
                connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
            raise UNREACHABLE

    with subscribed(MessageChanged, cut_off):
        group.deliver()
    assert cut.is_set()
    assert group.sizes[:2] == [1, MANY - 1]
    assert sum(group.sizes[2:]) == MANY - 1
    assert group.statuses() == dict.fromkeys(group.ids, MessageStatus.SENT)


def test_one_time_passwords_wait_for_nobody(group: Group) -> None:
    with group.app.app_context():
        notifier = scripted_notifier("b", "refused")
        coded = MessageFactory(notifier=notifier, otp_id=77).id

    def deliver_code() -> None:
        threading.Thread(target=run, daemon=True).start()
        deadline = time.monotonic() + 30
        while group.statuses()[coded] in {MessageStatus.QUEUED, MessageStatus.SENDING}:
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def run() -> None:
        with group.app.app_context():
            deliver(coded)

    group.before = deliver_code
    group.deliver()
    assert group.statuses()[coded] == MessageStatus.CANCELLED  # its code is not known here
    assert group.sizes == [1, MANY - 1]


def test_breakers_are_closed_in_one_order_so_that_groups_do_not_lock_each_other_out(app: Flask) -> None:
    with app.app_context():
        if not is_postgresql():
            pytest.skip("SQLite writes one after the other")
        with db.engine.begin() as connection:
            failing = {"channel": "sms", "failures": 1}
            rows = [{**failing, "notifier_id": number} for number in (9, 8, 7)]  # stored in falling order
            connection.execute(insert(breakers), rows)
        first, last = (
            select(breakers).where(breakers.c.notifier_id == number).with_for_update(nowait=True)
            for number in (7, 9)
        )
        ended = [accepted_by(number) for number in (9, 7, 8)]
        writing = threading.Thread(target=in_context, args=(app, lambda: outcomes.write(ended)))
        with db.engine.begin() as other:
            other.execute(first)
            writing.start()
            wait_until_locked_out()
            other.execute(last)
        writing.join(30)
        assert set(autocommit().scalars(select(breakers.c.failures))) == {0}


def accepted_by(notifier_id: int) -> dict[str, Any]:
    """Return the values of a round's end by which the breaker of a notifier is closed, and nothing else."""
    given = {"breaker_channel": "sms", "breaker_notifier_id": notifier_id}
    return dict.fromkeys(outcomes._end_round._types) | given


def in_context(app: Flask, work: Callable[[], Any]) -> None:
    with app.app_context():
        work()


def wait_until_locked_out() -> None:
    """Wait until somebody waits for a row's lock."""
    waits = text(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    deadline = time.monotonic() + 30
    while not autocommit().scalar(waits):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_groups_of_two_workers_that_share_notifiers_all_end(
    app: Flask, other_app: Callable[..., Flask], scripted: type[Scripted]
) -> None:
    with app.app_context():
        notifiers = [scripted_notifier(token) for token in "ab"]
        ids = [MessageFactory(notifier=notifiers[number % 2]).id for number in range(4 * MANY)]
        rows = [{"channel": "sms", "notifier_id": each.id, "failures": 1} for each in notifiers]
        autocommit().execute(insert(breakers), rows)
    workers = [app, other_app()]

    def deliver_one(number: int) -> None:
        with workers[number // 2 % 2].app_context():
            deliver(ids[number])

    assert in_threads(deliver_one, range(len(ids))) == [None] * len(ids)
    with app.app_context():
        assert set(db.session.scalars(select(Message.status))) == {MessageStatus.SENT}
        assert set(db.session.scalars(select(CircuitBreaker.failures))) == {0}
