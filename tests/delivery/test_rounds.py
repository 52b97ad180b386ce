"""One round of one message: who is asked, what they are given, what the row says afterwards."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from flask import Flask
from sqlalchemy import select

from notifyhub.database.base import now
from notifyhub.delivery import message_round
from notifyhub.delivery.rounds import deliver
from notifyhub.extensions import db
from notifyhub.messages.models import Channel, Message, MessageAttachment, MessageStatus, Outcome
from notifyhub.notifiers.models import EmailNotifier, SMSNotifier
from notifyhub.patterns.models import PatternStatus, SMSPattern
from notifyhub.providers.sandbox import FAILS, FAILS_TWICE, UNREPORTED
from notifyhub.settings.models import DeliverySettings
from tests.simulators import SMTPSimulator
from tests.simulators.smtp import PASSWORD, USERNAME
from tests.support.factories import (
    EmailNotifierFactory,
    MessageFactory,
    SMSNotifierFactory,
    SMSPatternFactory,
)
from tests.support.scripted import NAME, Scripted


@pytest.fixture
def post(app: Flask, scripted: type[Scripted]) -> "Post":
    return Post(app)


@dataclass
class Post:
    """An object of actions: notifiers named by their token, messages, deliveries."""

    app: Flask

    def notifier(self, token: str, *script: str, **options: Any) -> int:
        Scripted.script(token, script)
        with self.app.app_context():
            made: SMSNotifier = SMSNotifierFactory(
                name=token, backend=NAME, settings={"token": token}, **options
            )
            return made.id

    def settings(self, **values: Any) -> None:
        with self.app.app_context():
            db.session.merge(DeliverySettings(id=1, **values))
            db.session.commit()

    def pattern(self, notifier_id: int, body: str, **values: Any) -> int:
        with self.app.app_context():
            values = {"name": "otp", "status": PatternStatus.APPROVED, "code": "7", **values}
            made: SMSPattern = SMSPatternFactory(notifier_id=notifier_id, body=body, **values)
            return made.id

    def message(self, notifier_id: int, pattern_id: int | None = None, **values: Any) -> int:
        with self.app.app_context():
            notifier = db.session.get(SMSNotifier, notifier_id)
            pattern = db.session.get(SMSPattern, pattern_id) if pattern_id else None
            made: Message = MessageFactory(notifier=notifier, pattern=pattern, **values)
            return made.id

    def deliver(self, message_id: int, times: int = 1) -> Message:
        """Deliver as often as the message asks for it, as if its time had always come."""
        with self.app.app_context():
            for turn in range(times):
                if turn:
                    message = db.session.get(Message, message_id)
                    assert message
                    message.next_attempt_at = now()
                    db.session.commit()
                deliver(message_id)
        return self.read(message_id)

    def read(self, message_id: int) -> Message:
        with self.app.app_context():
            message = db.session.get(Message, message_id)
            assert message
            assert isinstance(message.attempts, list)
            return message

    def delete(self, model: type[Any], id: int) -> None:
        with self.app.app_context():
            db.session.delete(db.session.get(model, id))
            db.session.commit()


def outcomes(message: Message) -> list[tuple[str, str | None, str | None]]:
    return [(each.notifier_name, each.outcome, each.error_code) for each in message.attempts]


def test_an_accepted_message_is_sent_and_says_by_whom(post: Post) -> None:
    before = now()
    message = post.deliver(post.message(post.notifier("a")))
    assert (message.status, message.provider_message_id, message.rounds) == (MessageStatus.SENT, "a-1", 1)
    assert message.sent_at
    assert before <= message.sent_at <= now()
    assert message.next_attempt_at is message.lease_token is message.lease_until is message.error_code is None
    assert message.report_due_at == message.sent_at + timedelta(seconds=10)
    [attempt] = message.attempts
    assert (attempt.outcome, attempt.round, attempt.notifier_name) == (Outcome.ACCEPTED, 1, "a")
    assert attempt.duration_ms is not None
    [sms] = Scripted.sent["a"]
    assert (sms.to, sms.text, sms.attempt) == ("+989121234567", "Your order is on its way.", 1)


@pytest.mark.parametrize("first", ["temporary", "trouble", "not_here"])
def test_a_backup_takes_what_the_first_does_not(post: Post, first: str) -> None:
    home, backup = post.notifier("a", first), post.notifier("b")
    post.settings(sms_backup_notifiers=[backup])
    message = post.deliver(post.message(home))
    assert (message.status, message.notifier_id, message.notifier_name) == (MessageStatus.SENT, backup, "b")
    assert message.home_notifier_id == home
    assert [each.round for each in message.attempts] == [1, 1]
    assert Scripted.sent["b"][0].attempt == 2


@pytest.mark.parametrize(
    ("first", "status"), [("refused", MessageStatus.FAILED), ("uncertain", MessageStatus.SENDING)]
)
def test_no_backup_is_asked_after_a_refusal_of_the_message_or_a_doubt(
    post: Post, first: str, status: MessageStatus
) -> None:
    home, backup = post.notifier("a", first), post.notifier("b")
    post.settings(sms_backup_notifiers=[backup])
    message = post.deliver(post.message(home))
    assert message.status == status
    assert Scripted.sent["b"] == []
    assert message.error_code == message.attempts[0].error_code is not None


def test_backups_are_asked_in_their_order_each_once_and_deleted_ones_not_at_all(post: Post) -> None:
    home = post.notifier("a", "temporary")
    b, c = post.notifier("b", "temporary"), post.notifier("c", "temporary")
    post.settings(sms_backup_notifiers=[c, home, 10**9, b, c])
    message = post.deliver(post.message(home))
    assert [each.notifier_name for each in message.attempts] == ["a", "c", "b"]
    assert (message.status, message.rounds) == (MessageStatus.SENDING, 1)


def test_a_message_that_nobody_takes_fails_after_its_rounds_with_the_last_error(post: Post) -> None:
    home = post.notifier("a", *["temporary"] * 9)
    post.settings(max_attempts=3)
    message_id = post.message(home)
    waiting = post.deliver(message_id, 2)
    assert waiting.status == MessageStatus.SENDING
    assert waiting.next_attempt_at
    assert waiting.next_attempt_at > now() + timedelta(seconds=20)
    message = post.deliver(message_id, 2)
    assert (message.status, message.rounds, message.error_code) == (MessageStatus.FAILED, 3, "deferred")
    assert message.next_attempt_at is None
    assert [each.round for each in message.attempts] == [1, 2, 3]


def test_a_round_in_which_all_are_permanent_ends_the_message(post: Post) -> None:
    home, backup = post.notifier("a", "not_here"), post.notifier("b", "not_here")
    post.settings(sms_backup_notifiers=[backup])
    message = post.deliver(post.message(home))
    assert (message.status, message.rounds, message.error_code) == (
        MessageStatus.FAILED,
        1,
        "unknown_pattern",
    )


def test_a_backup_gets_the_arguments_in_its_own_pattern_and_the_message_shows_that(post: Post) -> None:
    home, backup = post.notifier("a", "trouble"), post.notifier("b")
    post.settings(sms_backup_notifiers=[backup])
    pattern = post.pattern(home, "Code {1} for {0}")
    post.pattern(backup, "%code% — کد %name%", code="other")
    message = post.deliver(
        post.message(
            home, pattern, args=["Sara", "123"], text="Code 123 for Sara", encoding="gsm7", segments=1
        )
    )
    [sms] = Scripted.sent["b"]
    assert (sms.pattern_code, sms.params) == ("other", {"code": "123", "name": "Sara"})
    assert (message.text, message.encoding, message.segments) == ("123 — کد Sara", "ucs2", 1)
    assert message.args == ["Sara", "123"]


@pytest.mark.parametrize(
    "theirs",
    [
        {"body": "Code {0}", "status": PatternStatus.PENDING},
        {"body": "Code {0} and {1}"},
        {"body": "Code"},
        {"body": "Code {0}", "name": "another"},
    ],
)
def test_a_backup_without_a_fitting_approved_pattern_is_not_asked(post: Post, theirs: dict[str, Any]) -> None:
    home, backup = post.notifier("a", "temporary"), post.notifier("b")
    post.settings(sms_backup_notifiers=[backup])
    pattern = post.pattern(home, "Your code is {0}")
    post.pattern(backup, **theirs)
    message = post.deliver(post.message(home, pattern, args=["1"], text="Your code is 1"))
    assert outcomes(message) == [("a", "temporary", "deferred")]


def test_a_pattern_that_changed_since_is_sent_as_it_is_now(post: Post) -> None:
    home = post.notifier("a")
    pattern = post.pattern(home, "Your code is {0}")
    old = post.message(home, pattern, args=["1"], text="Code: 1", encoding="gsm7", segments=1)
    assert post.deliver(old).text == "Your code is 1"


@pytest.mark.parametrize("change", ["deleted", "mismatched"])
def test_a_pattern_that_no_longer_serves_is_a_permanent_failure_there_and_the_backup_takes_over(
    post: Post, change: str
) -> None:
    home, backup = post.notifier("a"), post.notifier("b")
    post.settings(sms_backup_notifiers=[backup])
    pattern = post.pattern(home, "Your code is {0}" if change == "deleted" else "Code {0} {1}")
    post.pattern(backup, "{0} is your code")
    message_id = post.message(home, pattern, args=["1"], text="Your code is 1")
    if change == "deleted":
        post.delete(SMSPattern, pattern)
        message = post.deliver(message_id)
        assert outcomes(message) == [("a", "permanent", "unknown_pattern"), ("b", "accepted", None)]
        assert message.text == "1 is your code"
    else:
        message = post.deliver(message_id)
        assert outcomes(message) == [("a", "permanent", "pattern_mismatch")]
        assert message.status == MessageStatus.FAILED
    assert Scripted.sent["a"] == []


def test_the_backup_takes_over_from_a_deleted_notifier(post: Post) -> None:
    home, backup = post.notifier("a"), post.notifier("b")
    post.settings(sms_backup_notifiers=[backup])
    message_id = post.message(home)
    post.delete(SMSNotifier, home)
    message = post.deliver(message_id)
    assert outcomes(message) == [("b", "accepted", None)]


def test_without_notifier_and_backup_a_message_fails(post: Post) -> None:
    home = post.notifier("a")
    message_id = post.message(home)
    post.delete(SMSNotifier, home)
    message = post.deliver(message_id)
    assert (message.status, message.error_code, message.attempts) == (MessageStatus.FAILED, "no_notifier", [])
    assert message.next_attempt_at is None


def test_an_uncertain_message_fails_where_repeating_it_is_not_wished(post: Post) -> None:
    post.settings(resend_uncertain=False)
    message = post.deliver(post.message(post.notifier("a", "uncertain")))
    assert (message.status, message.error_code) == (MessageStatus.FAILED, "uncertain")
    assert message.attempts[0].error_code == "timeout"


@pytest.mark.parametrize(
    "changes",
    [
        {"status": MessageStatus.CANCELLED},
        {"status": MessageStatus.SENT},
        {"next_attempt_at": None},
        {"lease_token": "x", "lease_until": now() + timedelta(days=1)},
        {"lease_token": "x", "lease_until": now() - timedelta(days=1)},
        {"expires_at": now() - timedelta(seconds=1)},
        {"status": MessageStatus.SCHEDULED, "next_attempt_at": now() + timedelta(days=1)},
    ],
)
def test_what_is_not_due_or_in_other_hands_or_over_is_left_alone(post: Post, changes: dict[str, Any]) -> None:
    message_id = post.message(post.notifier("a"), **changes)
    before = post.read(message_id)
    after = post.deliver(message_id)
    assert after.attempts == []
    assert (after.status, after.lease_token, after.updated_at) == (
        before.status,
        before.lease_token,
        before.updated_at,
    )


def test_no_backup_is_asked_once_the_message_has_expired(post: Post) -> None:
    home, backup = post.notifier("a", "temporary"), post.notifier("b")
    post.settings(sms_backup_notifiers=[backup])
    message_id = post.message(home, expires_at=now() + timedelta(seconds=2))
    with post.app.app_context():
        Scripted.during = lambda: _expire(message_id)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(message_round, "now", lambda: now() + timedelta(seconds=_shift[0]))
            message = post.deliver(message_id)
    assert (message.status, message.error_code) == (MessageStatus.EXPIRED, "deferred")
    assert Scripted.sent["b"] == []


_shift = [0.0]


def _expire(_: int) -> None:
    _shift[0] = 3.0


@pytest.fixture(autouse=True)
def _still() -> None:
    _shift[0] = 0.0


def test_no_connection_is_held_while_a_provider_is_talked_to(post: Post) -> None:
    held: list[int] = []

    def look() -> None:
        held.extend(engine.pool.checkedout() for engine in db.engines.values())  # type: ignore[attr-defined]

    home, backup = post.notifier("a", "temporary"), post.notifier("b")
    post.settings(sms_backup_notifiers=[backup])
    message_id = post.message(home)
    Scripted.during = look
    assert post.deliver(message_id).status == MessageStatus.SENT
    assert len(held) >= 4
    assert set(held) == {0}


def test_an_outcome_is_not_written_once_the_lease_is_lost(post: Post) -> None:
    message_id = post.message(post.notifier("a"))

    def lose() -> None:
        with db.engine.begin() as connection:
            table = Message.__table__
            connection.execute(table.update().values(lease_token="another's"))  # type: ignore[attr-defined]

    Scripted.during = lose
    message = post.deliver(message_id)
    assert (message.status, message.lease_token) == (MessageStatus.SENDING, "another's")


def test_no_further_attempt_begins_once_the_lease_is_lost(post: Post) -> None:
    home, backup = post.notifier("a", "temporary"), post.notifier("b")
    post.settings(sms_backup_notifiers=[backup])
    message_id = post.message(home)

    def lose() -> None:
        with db.engine.begin() as connection:
            table = Message.__table__
            connection.execute(table.update().values(lease_token="another's"))  # type: ignore[attr-defined]

    Scripted.during = lose
    message = post.deliver(message_id)
    assert [each.notifier_name for each in message.attempts] == ["a"]
    assert Scripted.sent["b"] == []


def test_the_lease_is_renewed_for_each_attempt_of_a_round(post: Post) -> None:
    leases: list[Any] = []

    def look() -> None:
        with db.engine.connect() as connection:
            leases.append(connection.scalar(select(Message.lease_until)))

    home, backup = post.notifier("a", "temporary"), post.notifier("b")
    post.settings(sms_backup_notifiers=[backup])
    message_id = post.message(home)
    Scripted.during = look
    post.deliver(message_id)
    assert leases[0] < leases[1]


def test_a_notifiers_new_settings_count_at_once(post: Post) -> None:
    home = post.notifier("a")
    post.deliver(post.message(home))
    with post.app.app_context():
        notifier = db.session.get(SMSNotifier, home)
        assert notifier
        notifier.settings = {"token": "new"}
        db.session.commit()
    post.deliver(post.message(home))
    assert (len(Scripted.sent["a"]), len(Scripted.sent["new"])) == (1, 1)


def test_a_backend_that_is_not_installed_is_the_notifiers_trouble(post: Post) -> None:
    home = post.notifier("a")
    with post.app.app_context():
        notifier = db.session.get(SMSNotifier, home)
        assert notifier
        notifier.backend = "nowhere"
        db.session.commit()
    message = post.deliver(post.message(home))
    assert outcomes(message) == [("a", "temporary", "unknown_backend")]


# What a test token sends


@pytest.mark.parametrize(
    ("recipient", "rounds", "status"),
    [
        ("+989121234567", 1, MessageStatus.SENT),
        (UNREPORTED, 1, MessageStatus.SENT),
        (FAILS, 1, MessageStatus.FAILED),
        (FAILS_TWICE, 2, MessageStatus.SENDING),
        (FAILS_TWICE, 3, MessageStatus.SENT),
    ],
)
def test_a_test_message_never_reaches_its_provider(
    post: Post, recipient: str, rounds: int, status: MessageStatus
) -> None:
    message_id = post.message(post.notifier("a"), recipient=recipient, is_test=True)
    message = post.deliver(message_id, rounds)
    assert message.status == status
    assert Scripted.sent["a"] == []


# Mail


@pytest.fixture
def letter(app: Flask, mail: SMTPSimulator, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    monkeypatch.setitem(app.config, "SMTP_VERIFY", False)

    def make(**options: Any) -> int:
        with app.app_context():
            notifier: EmailNotifier = EmailNotifierFactory(
                host="127.0.0.1", port=mail.port, username=USERNAME, password=PASSWORD, **options
            )
            message: Message = MessageFactory(
                notifier=notifier,
                channel=Channel.EMAIL,
                recipient="sara@example.org",
                subject="Order",
                text="On its way.",
                html="<p>On its way.</p>",
                reply_to="shop@example.com",
                attachments=[
                    MessageAttachment(filename="a.txt", content_type="text/plain", content=b"one"),
                    MessageAttachment(filename="b.bin", content_type="image/png", content=b"two"),
                ],
            )
            return message.id

    return make


def test_a_mail_goes_out_whole_and_keeps_its_message_id(
    post: Post, mail: SMTPSimulator, letter: Callable[..., int]
) -> None:
    message_id = letter()
    mail.troubles.add("reset_after_accepting")
    assert post.deliver(message_id).attempts[0].outcome == Outcome.UNCERTAIN
    message = post.deliver(message_id, 2)
    assert message.status == MessageStatus.SENT
    assert message.report_due_at is None
    first, second = mail.journal.messages()
    assert first.id == second.id == message.provider_message_id
    assert first.id.endswith("@example.com>")
    for part in (b"Subject: Order", b"Reply-To: shop@example.com", b"a.txt", b"b.bin", b"<p>"):
        assert part in second.content


@pytest.mark.parametrize("silently", [True, False])
@pytest.mark.parametrize("trouble", ["unknown_recipient", "sender_refused"])
def test_a_permanent_failure_of_a_mail_counts_as_sent_where_that_is_wished(
    post: Post, mail: SMTPSimulator, letter: Callable[..., int], trouble: str, silently: bool
) -> None:
    mail.troubles.add(trouble)
    message = post.deliver(letter(fail_silently=silently))
    assert message.attempts[0].outcome == Outcome.PERMANENT
    assert message.attempts[0].error_code
    if silently:
        assert (message.status, message.error_code) == (MessageStatus.SENT, None)
        assert message.sent_at
    else:
        assert (message.status, message.sent_at) == (MessageStatus.FAILED, None)


def test_a_temporary_failure_of_a_mail_is_never_silent(
    post: Post, mail: SMTPSimulator, letter: Callable[..., int]
) -> None:
    post.settings(max_attempts=1)
    mail.troubles.add("greylisted")
    assert post.deliver(letter(fail_silently=True)).status == MessageStatus.FAILED


# The cost


def test_an_ordinary_delivery_is_three_statements_on_postgresql(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = post.notifier("a")
    post.deliver(post.message(home))
    message_id = post.message(home)
    statements: list[object] = []
    execute = psycopg.Cursor.execute

    def note(cursor: psycopg.Cursor, query: object, *args: Any, **options: Any) -> psycopg.Cursor:
        statements.append(query)
        return execute(cursor, query, *args, **options)  # type: ignore[arg-type]

    with post.app.app_context():
        if db.engine.dialect.name != "postgresql":
            pytest.skip("SQLite changes one table in a statement")
        monkeypatch.setattr(psycopg.Cursor, "execute", note)
        deliver(message_id)
    assert len(statements) == 3  # the claim, the end, the look for active webhooks
    assert post.read(message_id).status == MessageStatus.SENT
