"""Mails on their way to a real mail server."""

import email
import email.policy
import json
import logging
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from flask import Flask
from sqlalchemy import select

from notifyhub.database.connections import autocommit
from notifyhub.delivery import circuit_breaker
from notifyhub.delivery.models import CircuitBreaker
from notifyhub.delivery.rounds import deliver
from notifyhub.extensions import db
from notifyhub.messages.models import Channel, MessageAttachment, MessageStatus
from notifyhub.notifiers.models import EmailNotifier
from notifyhub.webhooks.models import Event, WebhookDelivery
from tests.simulators import SMTPSimulator, smtp
from tests.support.clients import Api
from tests.support.factories import EmailNotifierFactory, MessageFactory, WebhookFactory
from tests.support.queries import Queries
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


COPIES = {"cc": ["Sara <sara@example.org>", "b@example.org"], "bcc": ["boss@hidden.example"]}


def test_copies_go_out_with_the_mail(mail: SMTPSimulator) -> None:
    deliver(message_id := store(account(mail), unsubscribe_url="https://example.com/u", **COPIES))
    (received,) = mail.journal.messages()
    assert received.recipients == (
        "sara@example.com",
        "sara@example.org",
        "b@example.org",
        "boss@hidden.example",
    )
    parsed = email.message_from_bytes(received.content, policy=email.policy.default)
    assert parsed["Cc"] == "Sara <sara@example.org>, b@example.org"
    assert parsed["List-Unsubscribe"] == "<https://example.com/u>"
    assert parsed["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert b"boss" not in received.content
    row = message(message_id)
    assert (row.status, row.error_code, row.error_detail) == (MessageStatus.SENT, None, None)


@pytest.mark.parametrize(
    ("trouble", "code"), [("unknown_recipient", "invalid_recipient"), ("greylisted", "deferred")]
)
def test_a_mail_whose_copy_is_refused_is_sent_and_says_so(
    mail: SMTPSimulator, api: Api, trouble: str, code: str
) -> None:
    notifier = account(mail)
    circuit_breaker.record_failure(autocommit(), Channel.EMAIL, notifier.id)
    mail.troubles.add(trouble, recipient="b@example.org")
    deliver(message_id := store(notifier, **COPIES))
    (received,) = mail.journal.messages()
    assert received.recipients == ("sara@example.com", "sara@example.org", "boss@hidden.example")
    row = message(message_id)
    (attempt,) = row.attempts
    assert (row.status, row.next_attempt_at, row.rounds) == (MessageStatus.SENT, None, 1)
    assert (attempt.outcome, attempt.error_code, attempt.error_detail) == ("accepted", None, None)
    assert row.provider_message_id
    assert row.sent_at
    shown = api.get(f"/api/notifications/messages/{message_id}").json
    assert shown["error"]["code"] == code
    assert shown["error"]["detail"].startswith("The copy to b@example.org was refused: ")
    assert "boss" not in str(shown)
    breaker = db.session.get(CircuitBreaker, (Channel.EMAIL, notifier.id))
    assert breaker is None or breaker.failures == 0, "it was accepted"


def test_a_refused_blind_copy_shows_nowhere_who_it_was_for(
    mail: SMTPSimulator, api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "notifyhub")
    WebhookFactory(events=[Event.MESSAGE_SENT])
    mail.troubles.add("unknown_by_name", recipient="boss@hidden.example")
    deliver(message_id := store(account(mail), **COPIES))
    shown = api.get(f"/api/notifications/messages/{message_id}").json
    assert shown["status"] == "sent"
    assert shown["error"]["detail"].startswith("A blind copy was refused: 550 5.1.1 <•••>")
    data = json.loads(db.session.scalars(select(WebhookDelivery.data)).one())
    assert data["error"] == shown["error"]
    assert data["cc"] == COPIES["cc"]
    logged = [record.getMessage() for record in caplog.records if record.name.startswith("notifyhub")]
    told = f"{shown}{data}{logged}"
    assert "boss" not in told
    assert "hidden" not in told
    assert any(f"Message {message_id} was taken by" in line for line in logged)


def test_no_copy_goes_out_without_the_mail(mail: SMTPSimulator) -> None:
    mail.troubles.add("unknown_recipient", recipient="sara@example.com")
    deliver(message_id := store(account(mail), **COPIES))
    assert not mail.journal.messages()
    row = message(message_id)
    assert (row.status, row.error_code) == (MessageStatus.FAILED, "invalid_recipient")


def test_a_refused_copy_takes_no_further_statement(mail: SMTPSimulator, app: Flask) -> None:
    counts = []
    for trouble in (None, "unknown_recipient"):
        if trouble:
            mail.troubles.add(trouble, recipient="b@example.org")
        message_id = store(account(mail), **COPIES)
        with Queries(app) as statements:
            deliver(message_id)
        counts.append(len(statements))
    assert counts[0] == counts[1]


def test_a_test_tokens_copies_go_nowhere(mail: SMTPSimulator) -> None:
    deliver(message_id := store(account(mail), is_test=True, **COPIES))
    assert message(message_id).status == MessageStatus.SENT
    assert not mail.journal.messages()


def test_a_picture_arrives_beside_the_html(mail: SMTPSimulator) -> None:
    message_id = store(account(mail), text="See it.", html='<img src="cid:logo">')
    for name, content_id in (("logo.png", "logo"), ("bill.pdf", None)):
        file = {"filename": name, "content_type": "image/png", "content": b"x", "content_id": content_id}
        db.session.add(MessageAttachment(message_id=message_id, **file))
    db.session.commit()
    deliver(message_id)
    (received,) = mail.journal.messages()
    parsed = email.message_from_bytes(received.content, policy=email.policy.default)
    related = parsed.get_body(("related",))
    assert related
    html, picture = related.iter_parts()
    assert html.get_content_type() == "text/html"
    assert (picture["Content-ID"], picture.get_content_disposition()) == ("<logo>", "inline")
    assert [part.get_filename() for part in parsed.iter_attachments()] == ["bill.pdf"]


def test_mail_has_no_delivery_reports(app: Flask, mail: SMTPSimulator) -> None:
    deliver(message_id := store(account(mail)))
    assert (message(message_id).status, message(message_id).report_due_at) == (MessageStatus.SENT, None)
