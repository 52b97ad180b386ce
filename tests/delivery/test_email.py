"""Mails on their way to a real mail server."""

import email
import email.policy
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from flask import Flask

from notifyhub.delivery.rounds import deliver
from notifyhub.extensions import db
from notifyhub.messages.models import Channel, MessageAttachment, MessageStatus
from notifyhub.notifiers.models import EmailNotifier
from tests.simulators import SMTPSimulator, smtp
from tests.support.factories import EmailNotifierFactory, MessageFactory
from tests.support.rows import attempts, change_settings, message

START = datetime(2026, 3, 21, 12, tzinfo=UTC)

pytestmark = pytest.mark.usefixtures("_simulated", "_context")


def account(mail: SMTPSimulator, **values: Any) -> EmailNotifier:
    host = {"host": "127.0.0.1", "port": mail.port, "username": smtp.USERNAME, "password": smtp.PASSWORD}
    notifier: EmailNotifier = EmailNotifierFactory(**{**host, **values})
    return notifier


def store(notifier: EmailNotifier, **values: Any) -> int:
    mail = {"channel": Channel.EMAIL, "recipient": "sara@example.com", "subject": "Hello", **values}
    message_id: int = MessageFactory(notifier=notifier, **mail).id
    return message_id


def test_a_message_id_is_the_same_at_every_attempt_also_by_the_backup(mail: SMTPSimulator) -> None:
    with time_machine.travel(START, tick=False) as clock, SMTPSimulator() as other:
        home = account(mail, from_email="Shop <shop@example.com>")
        backup = account(other, from_email="spare@example.org")
        change_settings(email_backup_notifiers=[backup.id])
        message_id = store(home)
        mail.troubles.add("reset_after_accepting")
        deliver(message_id)
        assert [outcome for *_, outcome in attempts(message_id)] == ["uncertain"]
        mail.troubles.add("greylisted")
        due = message(message_id).next_attempt_at
        assert due
        clock.move_to(due)
        deliver(message_id)
        assert [outcome for *_, outcome in attempts(message_id)] == ["uncertain", "temporary", "accepted"]
        ids = {received.id for simulator in (mail, other) for received in simulator.journal.messages()}
        (one,) = ids
        assert one.endswith("@example.com>")
        assert [received.sender for received in other.journal.messages()] == ["spare@example.org"]
        deliver(another := store(home))
        assert message(another).provider_message_id != one


def test_attachments_arrive_whole_and_in_order(mail: SMTPSimulator) -> None:
    message_id = store(
        account(mail), text="See the files.", html="<p>See the files.</p>", reply_to="ali@example.com"
    )
    files = [("رسید.pdf", "application/pdf", bytes(range(256)) * 40), ("b.txt", "text/plain", b"b\r\n")]
    for filename, content_type, content in files:
        db.session.add(
            MessageAttachment(
                message_id=message_id, filename=filename, content_type=content_type, content=content
            )
        )
    db.session.commit()
    deliver(message_id)
    (received,) = mail.journal.messages()
    parsed = email.message_from_bytes(received.content, policy=email.policy.default)
    arrived = [
        (part.get_filename(), part.get_content_type(), part.get_payload(decode=True))
        for part in parsed.iter_attachments()
    ]
    assert arrived == files
    assert (parsed["Reply-To"], parsed["To"]) == ("ali@example.com", "sara@example.com")
    html = parsed.get_body(("html",))
    assert html
    assert "<p>See the files.</p>" in html.get_content()
    assert message(message_id).status == MessageStatus.SENT


@pytest.mark.parametrize("trouble", ["unknown_recipient", "content_refused"])
@pytest.mark.parametrize("silently", [True, False])
def test_a_refused_mail_counts_as_sent_where_failures_are_to_be_silent(
    mail: SMTPSimulator, trouble: str, silently: bool
) -> None:
    mail.troubles.add(trouble)
    message_id = store(account(mail, fail_silently=silently))
    deliver(message_id)
    row = message(message_id)
    assert row.status == (MessageStatus.SENT if silently else MessageStatus.FAILED)
    assert [each.outcome for each in row.attempts] == ["permanent"]
    assert bool(row.error_code) != silently
    assert bool(row.sent_at) == silently


def test_a_mail_that_may_yet_go_is_tried_again_though_failures_are_silent(mail: SMTPSimulator) -> None:
    mail.troubles.add("deferred")
    message_id = store(account(mail, fail_silently=True))
    deliver(message_id)
    assert (message(message_id).status, message(message_id).error_code) == (MessageStatus.SENDING, "deferred")


def test_mail_has_no_delivery_reports(app: Flask, mail: SMTPSimulator) -> None:
    deliver(message_id := store(account(mail)))
    assert (message(message_id).status, message(message_id).report_due_at) == (MessageStatus.SENT, None)
