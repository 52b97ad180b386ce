"""One-time passwords in messages: seen by the provider alone, sent while they live."""

import email
import email.policy
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from flask import Flask
from sqlalchemy import Connection, insert, select

from notifyhub.database.base import now, table_of
from notifyhub.database.connections import after_commit
from notifyhub.delivery import reports
from notifyhub.delivery.events import CodeNeeded
from notifyhub.delivery.recovery import Recovery, recover
from notifyhub.delivery.rounds import deliver
from notifyhub.extensions import db
from notifyhub.jobs import queues
from notifyhub.messages.events import MessageChanged
from notifyhub.messages.models import Batch, Channel, MessageStatus
from notifyhub.patterns.models import PatternStatus
from notifyhub.providers.base import Report
from tests.simulators import SMTPSimulator
from tests.simulators.smtp import PASSWORD, USERNAME
from tests.support.clients import Api
from tests.support.databases import stored_text
from tests.support.events import subscribed
from tests.support.factories import AttemptFactory, EmailNotifierFactory, MessageFactory, SMSPatternFactory
from tests.support.rows import attempts, change_settings, message, scripted_notifier
from tests.support.scripted import Scripted

OTP, CODE = 77, "048213"
MASKED = "Your code is ••••••."
START = datetime(2026, 3, 21, 12, tzinfo=UTC)

pytestmark = pytest.mark.usefixtures("_context", "scripted", "codes")


@pytest.fixture
def codes() -> Iterator[dict[int, str]]:
    """The codes that live, by the id of their one-time password."""
    living = {OTP: CODE}

    def answer(_connection: Connection, event: CodeNeeded) -> None:
        event.code = living.get(event.otp_id)

    with subscribed(CodeNeeded, answer):
        yield living


def carrying(*script: str, **values: Any) -> int:
    """Store a message with a one-time password, at a notifier `a` that does as the script says."""
    values = {"text": MASKED, "otp_id": OTP, "notifier": scripted_notifier("a", *script), **values}
    message_id: int = MessageFactory(**values).id
    return message_id


def backup(*script: str) -> None:
    change_settings(sms_backup_notifiers=[scripted_notifier("b", *script).id])


def error(sent: int) -> tuple[str, str | None]:
    read = message(sent)
    return read.status, read.error_code


def test_the_provider_is_given_the_code_and_nothing_keeps_it(app: Flask) -> None:
    sent = carrying()
    deliver(sent)
    [sms] = Scripted.sent["a"]
    assert (sms.text, list(sms.secrets)) == (f"Your code is {CODE}.", [CODE])
    assert CODE not in repr(sms)
    assert message(sent).text == MASKED
    assert CODE not in stored_text(app)


@pytest.mark.parametrize(
    ("body", "args", "given"),
    [("Code: {0}", ["••••••"], {"0": CODE}), ("Code: %code%", {"code": "••••••"}, {"code": CODE})],
)
def test_a_pattern_is_filled_with_the_code(app: Flask, body: str, args: Any, given: dict[str, str]) -> None:
    notifier = scripted_notifier("a")
    pattern = SMSPatternFactory(notifier_id=notifier.id, body=body, status=PatternStatus.APPROVED)
    sent = MessageFactory(notifier=notifier, pattern=pattern, args=args, text="Code: ••••••", otp_id=OTP).id
    deliver(sent)
    [sms] = Scripted.sent["a"]
    assert (sms.text, list(sms.args), sms.params) == (f"Code: {CODE}", [CODE], given)
    assert (message(sent).text, message(sent).args) == ("Code: ••••••", args)
    assert CODE not in stored_text(app)


def test_a_backups_text_is_shown_masked_and_measured_with_digits(app: Flask) -> None:
    home, spare = scripted_notifier("a"), scripted_notifier("b")
    change_settings(sms_backup_notifiers=[spare.id])
    pattern, _ = (
        SMSPatternFactory(notifier_id=one.id, name="otp", body=body, status=PatternStatus.APPROVED)
        for one, body in ((home, "Code: {0}"), (spare, "Enter {0}"))
    )
    sent = carrying("temporary", notifier=home, pattern=pattern, args=["••••••"], text="Code: ••••••")
    deliver(sent)
    shown = message(sent)
    assert attempts(sent) == [(1, "a", "temporary"), (1, "b", "accepted")]
    assert (shown.text, shown.encoding, shown.segments) == ("Enter ••••••", "gsm7", 1)
    assert Scripted.sent["b"][0].text == f"Enter {CODE}"


@pytest.mark.usefixtures("_simulated")
def test_a_mail_carries_the_code_in_all_its_parts(app: Flask, mail: SMTPSimulator) -> None:
    account = {"host": "127.0.0.1", "port": mail.port, "username": USERNAME, "password": PASSWORD}
    parts = {"subject": "••••••", "text": MASKED, "html": "<b>••••••</b>"}
    sent = carrying(
        notifier=EmailNotifierFactory(**account), channel=Channel.EMAIL, recipient="a@example.com", **parts
    )
    deliver(sent)
    (received,) = mail.journal.messages()
    parsed = email.message_from_bytes(received.content, policy=email.policy.default)
    bodies = [part.get_content().strip() for part in parsed.iter_parts()]
    assert [parsed["Subject"], *bodies] == [CODE, f"Your code is {CODE}.", f"<b>{CODE}</b>"]
    assert CODE not in stored_text(app)


def test_a_code_that_is_over_is_not_sent(codes: dict[int, str]) -> None:
    sent = carrying()
    codes.clear()
    deliver(sent)
    assert error(sent) == (MessageStatus.CANCELLED, "code_over")
    assert attempts(sent) == [(1, "a", "permanent")]
    assert Scripted.sent["a"] == []


def test_a_code_that_is_over_between_two_notifiers_is_not_sent_by_the_second(codes: dict[int, str]) -> None:
    sent = carrying("temporary")
    backup()
    Scripted.during = codes.clear
    deliver(sent)
    assert error(sent) == (MessageStatus.CANCELLED, "code_over")
    assert Scripted.sent["b"] == []


@pytest.mark.parametrize(
    ("resend", "tried", "status"),
    [
        (True, [(1, "a", "uncertain"), (1, "b", "accepted")], MessageStatus.SENT),
        (False, [(1, "a", "uncertain")], MessageStatus.FAILED),
    ],
)
def test_a_doubt_sends_it_to_the_backup_at_once_where_that_is_wished(
    resend: bool, tried: list[Any], status: MessageStatus
) -> None:
    sent = carrying("uncertain")
    backup()
    change_settings(resend_uncertain=resend)
    deliver(sent)
    assert (attempts(sent), message(sent).status) == (tried, status)


@pytest.mark.parametrize(
    ("life", "status"),
    [(timedelta(seconds=4), MessageStatus.FAILED), (timedelta(seconds=60), MessageStatus.SENDING)],
)
def test_it_fails_at_once_when_the_next_round_would_come_too_late(
    life: timedelta, status: MessageStatus
) -> None:
    sent = carrying("temporary", expires_at=now() + life)
    deliver(sent)
    assert error(sent) == (status, "deferred")


def test_it_does_not_wait_for_a_notifier_that_rests_for_longer_than_it_lives() -> None:
    change_settings(max_attempts=50)
    home = scripted_notifier("a", *["trouble"] * 5)
    for _ in range(5):
        deliver(MessageFactory(notifier=home).id)
    sent = MessageFactory(notifier=home, text=MASKED, otp_id=OTP, expires_at=now() + timedelta(seconds=20)).id
    deliver(sent)
    assert error(sent) == (MessageStatus.FAILED, "notifier_resting")
    assert attempts(sent) == []


def test_a_lost_call_is_made_up_for_soon_by_the_queue_of_codes() -> None:
    sent = carrying(next_attempt_at=now() - timedelta(seconds=3))
    MessageFactory(next_attempt_at=now() - timedelta(seconds=3))
    before = queues.publisher().depth(queues.CODES) or 0
    assert recover() == Recovery(0, 0, 1)
    assert queues.publisher().depth(queues.CODES) == before + 1
    assert message(sent).enqueued_at


def test_a_dead_workers_attempt_is_taken_over_within_the_codes_life() -> None:
    with time_machine.travel(START, tick=False) as clock:
        sent = carrying("accepted", expires_at=START + timedelta(seconds=120))
        plain = carrying(otp_id=None, text="Your order is on its way.")

        def die() -> None:
            raise SystemExit

        Scripted.during = die
        for one in (sent, plain):
            with pytest.raises(SystemExit):
                deliver(one)
        clock.shift(timedelta(seconds=31))
        assert recover().released == 1
        assert attempts(sent) == [(1, "a", "uncertain")]
        assert message(sent).status == MessageStatus.SENDING


def test_no_message_with_a_code_is_retried_by_hand(api: Api) -> None:
    sent = carrying("refused")
    deliver(sent)
    answer = api.post(f"/api/notifications/messages/{sent}/retry")
    assert answer.status == 409
    assert "one-time password" in answer.json["detail"]


class Recorder:
    """Records changes inside the transaction, where it writes a row of its own."""

    def __init__(self) -> None:
        self.changes: list[tuple[int, str, int | None]] = []
        self.afterwards = 0

    def __call__(self, connection: Connection, event: MessageChanged) -> None:
        assert connection.in_transaction()
        self.changes.append((event.id, event.status, event.otp_id))
        connection.execute(insert(table_of(Batch)).values(count=event.id, created_at=now()))
        after_commit(self.count)

    def count(self) -> None:
        self.afterwards += 1


def written() -> list[int]:
    found = list(db.session.scalars(select(Batch.count)))
    db.session.rollback()
    return found


def deliver_and_report(sent: int, script: list[str], report: str | None = None) -> None:
    deliver(sent)
    if report:
        read = message(sent)
        Scripted.told[read.provider_message_id or ""] = Report(report)  # type: ignore[arg-type]
        reports.fetch([sent])


@pytest.mark.parametrize(
    ("script", "report", "statuses"),
    [
        (["accepted"], None, [MessageStatus.SENT]),
        (["accepted"], "delivered", [MessageStatus.SENT, MessageStatus.DELIVERED]),
        (["accepted"], "undelivered", [MessageStatus.SENT, MessageStatus.UNDELIVERED]),
        (["refused"], None, [MessageStatus.FAILED]),
        (["temporary"], None, []),
    ],
)
def test_subscribers_are_called_in_the_same_transaction(
    script: list[str], report: str | None, statuses: list[MessageStatus]
) -> None:
    recorder = Recorder()
    sent = carrying(*script)
    plain = MessageFactory(notifier=scripted_notifier("c", *script)).id
    with subscribed(MessageChanged, recorder):
        deliver_and_report(sent, script, report)
        deliver_and_report(plain, script)
    expected = [(sent, status, OTP) for status in statuses] + [
        (plain, status, None) for status in statuses[:1]
    ]
    assert recorder.changes == expected
    assert written() == [message_id for message_id, *_ in expected]
    assert recorder.afterwards == len(expected)


def test_subscribers_are_called_for_what_the_recovery_ends() -> None:
    recorder = Recorder()
    over = carrying(expires_at=now() - timedelta(seconds=1))
    lost = carrying(
        status=MessageStatus.SENDING,
        lease_token="x",
        lease_until=now() - timedelta(seconds=1),
        next_attempt_at=now() - timedelta(seconds=1),
        expires_at=now() + timedelta(seconds=2),
    )
    AttemptFactory(message_id=lost, outcome=None)
    with subscribed(MessageChanged, recorder):
        assert recover() == Recovery(1, 1, 0)
    assert recorder.changes == [(lost, MessageStatus.FAILED, OTP), (over, MessageStatus.EXPIRED, OTP)]


def test_what_subscribers_can_not_write_is_not_changed_either() -> None:
    def fail(_connection: Connection, _event: MessageChanged) -> None:
        raise ZeroDivisionError

    sent = carrying()
    with subscribed(MessageChanged, fail):
        deliver(sent)
    assert (error(sent), written()) == ((MessageStatus.SENDING, "internal_error"), [])
    assert attempts(sent) == [(1, "a", "uncertain")]
    assert message(sent).lease_token is None
