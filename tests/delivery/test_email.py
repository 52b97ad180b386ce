"""Mails on their way to a real mail server."""

import email
import email.policy
import json
import logging
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Any

import pytest
import time_machine
from flask import Flask
from sqlalchemy import select

from notifyhub.database.connections import autocommit
from notifyhub.delivery import circuit_breaker
from notifyhub.delivery.claims import claim
from notifyhub.delivery.models import CircuitBreaker
from notifyhub.delivery.rounds import deliver
from notifyhub.delivery.routing import backup_routes, own_route
from notifyhub.extensions import db
from notifyhub.messages.models import Channel, MessageAttachment, MessageStatus
from notifyhub.notifiers.models import EmailNotifier
from notifyhub.patterns.models import EmailPattern
from notifyhub.webhooks.models import Event, WebhookDelivery
from tests.simulators import SMTPSimulator, smtp
from tests.simulators.journal import Received
from tests.support.clients import Api
from tests.support.factories import EmailNotifierFactory, EmailPatternFactory, MessageFactory, WebhookFactory
from tests.support.queries import Queries
from tests.support.rows import attempts, change_settings, message

MESSAGES = "/api/notifications/messages"
SENDER = "فروشگاه <shop@example.com>"
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


def pattern(notifier: EmailNotifier, **values: Any) -> EmailPattern:
    made: EmailPattern = EmailPatternFactory(
        **{
            "notifier_id": notifier.id,
            "name": "order",
            "subject": "سفارش {0}",
            "body_text": "سلام {1}، سفارش {0} ارسال شد.",
            "body_html": "<p>سلام {1}، سفارش {0} ارسال شد.</p>",
            "from_email": SENDER,
            **values,
        }
    )
    return made


def send_by_pattern(api: Api, made: EmailPattern) -> int:
    """Have a mail sent by a pattern over HTTP; its values try to be markup and another header."""
    args = ["۱۲\r\nBcc: eve@example.com", "<b>سارا</b> {0}"]
    body = {"channel": "email", "to": "sara@example.com", "pattern": made.id, "args": args}
    answer = api.post(MESSAGES, body)
    assert answer.status == 201, answer.json
    message_id: int = answer.json["id"]
    return message_id


def parsed(received: Received) -> EmailMessage:
    return email.message_from_bytes(received.content, policy=email.policy.default)


def contents(mail: EmailMessage) -> list[str]:
    bodies = [mail.get_body((kind,)) for kind in ("plain", "html")]
    return [mail["Subject"], *(body.get_content().replace("\r\n", "\n") for body in bodies if body)]


def test_a_mail_by_a_pattern_arrives_filled_and_escaped_from_the_pattern_s_sender(
    api: Api, mail: SMTPSimulator
) -> None:
    message_id = send_by_pattern(api, pattern(account(mail)))
    deliver(message_id)
    (received,) = mail.journal.messages()
    arrived = parsed(received)
    assert (arrived["From"], arrived["To"], arrived["Bcc"]) == (SENDER, "sara@example.com", None)
    assert received.sender == "shop@example.com"
    assert contents(arrived) == [
        "سفارش ۱۲ Bcc: eve@example.com",
        "سلام <b>سارا</b> {0}، سفارش ۱۲\nBcc: eve@example.com ارسال شد.\n",
        "<p>سلام &lt;b&gt;سارا&lt;/b&gt; {0}، سفارش ۱۲\nBcc: eve@example.com ارسال شد.</p>\n",
    ]
    assert message(message_id).status == MessageStatus.SENT


def test_a_mail_goes_out_as_it_was_accepted_whatever_becomes_of_its_pattern(
    api: Api, mail: SMTPSimulator
) -> None:
    made = pattern(account(mail))
    changed, deleted = (send_by_pattern(api, made) for _ in range(2))
    made.subject, made.from_email = "Other {0}", "other@example.com"
    db.session.commit()
    deliver(changed)
    db.session.delete(made)
    db.session.commit()
    deliver(deleted)
    one, other = (parsed(received) for received in mail.journal.messages())
    assert contents(one) == contents(other)
    assert (one["From"], other["From"]) == (SENDER, SENDER)


def test_a_pattern_without_a_sender_leaves_it_to_its_notifier(api: Api, mail: SMTPSimulator) -> None:
    deliver(
        send_by_pattern(api, pattern(account(mail, from_email="Info <info@example.com>"), from_email=None))
    )
    (received,) = mail.journal.messages()
    assert parsed(received)["From"] == "Info <info@example.com>"


@pytest.mark.parametrize(
    ("at_backup", "sender"),
    [
        ({"from_email": "Spare <orders@example.org>"}, "Spare <orders@example.org>"),
        ({"from_email": None}, "spare@example.org"),
        ({"from_email": "orders@example.org", "name": "Order"}, "spare@example.org"),
        (None, "spare@example.org"),
    ],
)
def test_a_backup_sends_the_same_from_the_sender_of_its_own_pattern_of_that_name(
    api: Api, mail: SMTPSimulator, at_backup: dict[str, Any] | None, sender: str
) -> None:
    with SMTPSimulator() as other, SMTPSimulator() as last:
        home = account(mail, from_email="info@example.com")
        backup, further = account(other, from_email="spare@example.org"), account(last)
        pattern(further, from_email="never@example.net")
        change_settings(email_backup_notifiers=[backup.id, further.id])
        made = pattern(home)
        if at_backup is not None:
            pattern(backup, subject="Not this {0}", body_text="Nor this", body_html=None, **at_backup)
        mail.troubles.add("send_as")
        failed_over, sent = send_by_pattern(api, made), send_by_pattern(api, made)
        deliver(failed_over)
        assert [outcome for *_, outcome in attempts(failed_over)] == ["permanent", "accepted"]
        deliver(sent)
        (by_backup,), (by_home,) = ([parsed(m) for m in each.journal.messages()] for each in (other, mail))
        assert contents(by_backup) == contents(by_home)
        assert (by_backup["From"], by_home["From"]) == (sender, SENDER)
        assert by_backup["Message-ID"].endswith("@example.com>")
        assert last.journal.messages() == []


def test_a_mail_without_a_pattern_is_nobody_s_though_a_backup_has_patterns(
    mail: SMTPSimulator,
) -> None:
    with SMTPSimulator() as other:
        home, backup = account(mail), account(other, from_email="spare@example.org")
        change_settings(email_backup_notifiers=[backup.id])
        pattern(backup)
        mail.troubles.add("send_as")
        deliver(store(home))
        (received,) = other.journal.messages()
        assert received.sender == "spare@example.org"


def test_the_sender_of_a_pattern_costs_no_statement_and_the_backups_senders_one(
    api: Api, mail: SMTPSimulator, queries: Queries
) -> None:
    home = account(mail)
    change_settings(email_backup_notifiers=[account(mail).id for _ in range(3)])
    counts = []
    for message_id in (send_by_pattern(api, pattern(home)), store(home)):
        (claimed,) = claim([message_id])
        for _ in range(2):  # the first time, what is cached is read
            with queries as own_statements:
                own = own_route(claimed)
            assert own
            with queries as backup_statements:
                backup_routes(claimed, own.client)
        counts.append((len(own_statements), len(backup_statements)))
    assert counts == [(1, 2 + 1 + 3), (1, 2 + 3)]  # the settings, the backups, their senders, a mail each


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
