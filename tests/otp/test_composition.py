"""Codes in mails that an email pattern words: what is stored, what is sent, what is refused."""

import email
import email.policy
import logging
from email.message import EmailMessage
from typing import Any

import pytest

from notifyhub.database.connections import transaction
from notifyhub.extensions import db
from notifyhub.messages.models import Channel, Message, MessageStatus
from notifyhub.otp import rules
from notifyhub.otp.codes import compute_code
from notifyhub.providers.sandbox import FAILS
from notifyhub.settings.models import DeliverySettings
from tests.messages.accounts import Accounts
from tests.otp.codes import NUMBER, Codes
from tests.simulators import SMTPSimulator
from tests.simulators.journal import Received
from tests.simulators.smtp import PASSWORD, USERNAME
from tests.support.databases import stored_text
from tests.support.factories import EmailNotifierFactory, EmailPatternFactory
from tests.support.queries import Queries

TO = "customer@example.com"
FALLBACK = {"channel": "email", "to": TO}
PARTS = {
    "subject": "{0} is your code",
    "body_text": "Code: {0}, for {1} minutes.",
    "body_html": "<p style='width: 10%'>Code <b>{0}</b>, for {1} minutes &amp; no longer: {0}.</p>",
}


def use(codes: Codes, notifier: int | None = None, **values: Any) -> int:
    """Store an email pattern, have codes by email sent by it, and return its id."""
    with codes.app.app_context():
        made = EmailPatternFactory(
            **({} if notifier is None else {"notifier_id": notifier}), **{"body_html": None, **values}
        )
        pattern: int = made.id
    codes.settings(email_pattern_id=pattern)
    return pattern


def issued(codes: Codes, **more: Any) -> Message:
    """Return the message of a new code that is asked for by email."""
    return codes.message(codes.issued(TO, channel="email", **more)["message"])


def code(codes: Codes, id: int) -> str:
    with codes.app.app_context():
        return compute_code(codes.row(id))


def content(message: Message) -> tuple[Any, ...]:
    return message.subject, message.text, message.html


def parsed(received: Received) -> tuple[EmailMessage, list[str]]:
    """Return a mail that has arrived, and the texts of its subject and parts."""
    mail = email.message_from_bytes(received.content, policy=email.policy.default)
    return mail, [str(mail["Subject"]), *(part.get_content().strip() for part in mail.iter_parts())]


# What is stored


def test_an_email_is_composed_by_the_pattern_of_the_settings(codes: Codes, accounts: Accounts) -> None:
    pattern = use(codes, accounts.other_email, **PARTS, from_email="Shop <login@example.com>", name="login")
    codes.settings(otp_ttl=130)
    message = issued(codes, origin="https://example.com")
    assert content(message) == (
        "••••• is your code",
        "Code: •••••, for 3 minutes.",
        "<p style='width: 10%'>Code <b>•••••</b>, for 3 minutes &amp; no longer: •••••.</p>",
    )
    assert (message.pattern_id, message.pattern_name, message.args) == (pattern, "login", ["•••••", "3"])
    assert (message.notifier_id, message.from_email) == (accounts.other_email, "Shop <login@example.com>")
    assert (message.encoding, message.segments) == (None, None)


@pytest.mark.parametrize(
    ("parts", "args"),
    [
        ({"subject": "Your code", "body_text": "{0}"}, ["••••••"]),
        ({"subject": "{۰}", "body_text": "as above"}, ["••••••"]),
        ({"subject": "{00}", "body_text": "{۱} min", "body_html": "%name% {0}"}, ["••••••", "2"]),
        ({"subject": "{1}", "body_text": "{1} {0}"}, ["••••••", "2"]),
    ],
)
def test_a_pattern_may_leave_out_the_minutes(codes: Codes, parts: dict[str, str], args: list[str]) -> None:
    codes.settings(otp_code_len=6)
    use(codes, **parts)
    message = issued(codes)
    assert message.args == args
    assert "••••••" in "".join(part or "" for part in content(message))
    assert message.html == (parts["body_html"].format("••••••") if "body_html" in parts else None)


def test_its_own_notifier_sends_it_where_there_is_no_default_one(codes: Codes, accounts: Accounts) -> None:
    use(codes, accounts.other_email, **PARTS)
    codes.settings(email_notifier_id=None)
    message = issued(codes)
    assert (message.notifier_id, message.home_notifier_id) == (accounts.other_email, accounts.other_email)
    assert message.from_email is None


def test_without_the_pattern_subject_and_text_are_those_of_the_settings(codes: Codes) -> None:
    use(codes, **PARTS)
    codes.settings(email_pattern_id=None, email_subject="{code}", email_text="It is {code}.")
    message = issued(codes)
    assert content(message) == ("•••••", "It is •••••.", None)
    assert (message.pattern_id, message.args) == (None, None)


def test_texts_are_not_worded_by_it(codes: Codes) -> None:
    codes.settings(sms_text="{code}")
    use(codes, **PARTS)
    assert codes.message(codes.issued()["message"]).text == "•••••"


# What is refused

PLACEHOLDERS = "The pattern must hold {0}, the code; it may hold {1}, the minutes, and no other placeholder."
MASKED = "The pattern's text holds •, which stands for the code's digits."


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"body_text": "Hello"}, PLACEHOLDERS),
        ({"body_text": "{1} minutes"}, PLACEHOLDERS),
        ({"body_text": "{0} {1} {2}"}, PLACEHOLDERS),
        ({"subject": "{2}", "body_text": "{0}"}, PLACEHOLDERS),
        ({"body_text": "{0} {10}"}, PLACEHOLDERS),
        ({"body_text": "{0}", "body_html": "<b>{2}</b>"}, PLACEHOLDERS),
        ({"body_text": "• {0}"}, MASKED),
        ({"subject": "Code •", "body_text": "{0}"}, MASKED),
        ({"body_text": "{0}", "body_html": "<li>•</li>"}, MASKED),
        (
            {"subject": "x" * 252 + "{0}", "body_text": "{0}"},
            "Ensure the subject that they make has no more than 255 characters.",
        ),
    ],
)
def test_a_pattern_that_no_code_can_be_sent_by_is_blamed(
    codes: Codes, parts: dict[str, str], words: str
) -> None:
    use(codes, **{"subject": "Your code", **parts})
    blamed = {"channel": [f"Set `otp_email_pattern` at /api/settings/otp: {words}"]}
    answer = codes.ask(TO, channel="email")
    assert (answer.status, answer.json) == (400, blamed)
    answer = codes.ask(fallback=FALLBACK)
    assert (answer.status, answer.json) == (400, {"fallback": blamed})
    assert codes.messages() == []
    assert codes.ask().status == 201


# What is sent


def account(codes: Codes, server: SMTPSimulator, **values: Any) -> int:
    """Store an email notifier whose mails a simulated server takes."""
    codes.app.config["SMTP_VERIFY"] = False
    login = {"host": "127.0.0.1", "port": server.port, "username": USERNAME, "password": PASSWORD}
    with codes.app.app_context():
        made: int = EmailNotifierFactory(**login, **values).id
        return made


def test_the_mail_holds_the_code_and_nothing_else_does(
    live: Codes, mail: SMTPSimulator, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """A code of ten digits: a shorter one would be found in moments and ids by chance."""
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.WARNING, "mail.log")  # the simulator's own
    live.settings(otp_code_len=10)
    use(live, account(live, mail), **PARTS, from_email="Shop <login@example.com>")
    made = live.issued(TO, channel="email")
    sent = live.deliver(made["message"])
    (received,) = mail.journal.messages()
    secret = code(live, made["id"])
    arrived, parts = parsed(received)
    assert (received.sender, arrived["From"]) == ("login@example.com", "Shop <login@example.com>")
    assert parts == [
        f"{secret} is your code",
        f"Code: {secret}, for 2 minutes.",
        f"<p style='width: 10%'>Code <b>{secret}</b>, for 2 minutes &amp; no longer: {secret}.</p>",
    ]
    assert sent.status == MessageStatus.SENT
    shown = live.api.get(f"/api/notifications/messages/{sent.id}").json
    assert (shown["subject"], shown["text"]) == ("•" * 10 + " is your code", content(sent)[1])
    assert live.guess(secret, TO)["verified"]
    logged = capfd.readouterr().err + caplog.text
    assert "POST /api/notifications/otp/verify 200" in logged
    assert secret not in stored_text(live.app) + str(shown) + logged


def test_the_fallback_is_worded_by_the_pattern(codes: Codes, mail: SMTPSimulator) -> None:
    use(codes, account(codes, mail), **PARTS)
    made = codes.issued(FAILS, fallback=FALLBACK)
    codes.deliver(made["message"])
    _, message = codes.messages()
    assert content(message)[:2] == ("••••• is your code", "Code: •••••, for 2 minutes.")
    assert (message.recipient, message.otp_id) == (TO, made["id"])


def test_a_fallback_whose_pattern_became_unfit_is_told_to_the_operator(
    codes: Codes, caplog: pytest.LogCaptureFixture
) -> None:
    use(codes, **PARTS)
    made = codes.issued(FAILS, fallback=FALLBACK)
    use(codes, subject="Your code", body_text="{0} {1} {2}")
    assert codes.deliver(made["message"]).status == MessageStatus.FAILED
    assert len(codes.messages()) == 1
    assert PLACEHOLDERS in caplog.text


def test_the_fallbacks_mail_holds_the_code(live: Codes, mail: SMTPSimulator) -> None:
    use(live, account(live, mail), **PARTS)
    made = live.issued(NUMBER, fallback=FALLBACK)
    with live.app.app_context():
        db.session.get_one(Message, made["message"]).home_notifier_id = 10**9  # it is gone
        db.session.commit()
    live.deliver(made["message"])
    _, message = live.messages()
    assert live.deliver(message.id).status == MessageStatus.SENT
    (received,) = mail.journal.messages()
    secret = code(live, made["id"])
    assert [secret in part for part in parsed(received)[1]] == [True] * 3
    assert live.guess(secret)["verified"]


def test_a_backup_sends_the_same_mail_from_its_own_sender(live: Codes, mail: SMTPSimulator) -> None:
    with SMTPSimulator() as stopped:
        home = account(live, stopped, from_email="info@example.com")
    backup = account(live, mail, from_email="spare@example.org")
    use(live, home, **PARTS, from_email="login@example.com", name="login")
    with live.app.app_context():
        EmailPatternFactory(notifier_id=backup, name="login", subject="Other words", body_text="{0}")
        db.session.merge(DeliverySettings(id=1, email_backup_notifiers=[backup]))
        db.session.commit()
    made = live.issued(TO, channel="email")
    sent = live.deliver(made["message"])
    (received,) = mail.journal.messages()
    secret = code(live, made["id"])
    assert parsed(received)[1][:2] == [f"{secret} is your code", f"Code: {secret}, for 2 minutes."]
    assert (received.sender, sent.notifier_id) == ("spare@example.org", backup)
    assert content(sent)[1] == "Code: •••••, for 2 minutes."


# What it costs


def test_a_mail_by_pattern_takes_no_further_statement(codes: Codes, queries: Queries) -> None:
    codes.api.get("/api/me")  # the use of a token is written once a minute
    counts = []
    for pattern in (False, True):
        if pattern:
            use(codes, **PARTS)
        for to, channel in ((f"{pattern}@example.com", "email"), (f"0912123456{pattern:d}", "sms")):
            with queries as sent:
                codes.issued(to, channel=channel, fallback=FALLBACK if channel == "sms" else None)
            counts.append(len(sent))
    assert counts == [counts[0]] * 4


def test_texts_do_not_read_the_pattern_of_mails(codes: Codes) -> None:
    pattern = use(codes, **PARTS)
    with codes.app.app_context(), transaction() as connection:
        read = [
            rules.lock(connection, TO, channels, test=False).email_pattern
            for channels in ({Channel.SMS}, {Channel.EMAIL}, set(Channel))
        ]
    assert read == [None, pattern, pattern]
