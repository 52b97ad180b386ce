import email
import email.policy
import logging
import socket
import threading
import time
import traceback

import pytest

from notifyhub.delivery.backends import smtp_sessions
from notifyhub.delivery.backends.failures import (
    Failure,
    NotifierTrouble,
    NotServedHere,
    Refused,
    Temporary,
    Uncertain,
)
from notifyhub.delivery.backends.interface import Accepted, Attachment, Email, EmailBackend
from notifyhub.delivery.backends.smtp import SMTP
from notifyhub.delivery.backends.wire import Timeouts
from tests.simulators import SMTPSimulator
from tests.simulators.smtp import PASSWORD, USERNAME

IMPATIENT = Timeouts(connect=2, read=2)
MAIL = Email(
    "ali@example.com", "Notify Hub <info@example.com>", "سلام", "<1@example.com>", "Hello\n.\n..\nend\n"
)


@pytest.fixture(autouse=True)
def _impatient_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("notifyhub.delivery.backends.smtp.END_SECONDS", 1)


def backend(mail: SMTPSimulator, **settings: object) -> SMTP:
    fields = {
        "host": "127.0.0.1",
        "port": mail.port,
        "username": USERNAME,
        "password": PASSWORD,
        "use_tls": True,
    }
    return SMTP({**fields, **settings}, verify=False, timeouts=IMPATIENT)


def failure_of(sender: SMTP, message: Email = MAIL) -> Failure:
    with pytest.raises(Failure) as caught:
        sender.send(message)
    assert caught.value.__context__ is None
    return caught.value


@pytest.mark.parametrize(
    ("security", "implicit"),
    [
        ({"use_tls": True}, False),
        ({"use_tls": False}, False),
        ({"use_ssl": True, "use_tls": False}, True),
        ({"use_ssl": True, "use_tls": True}, True),
    ],
)
@pytest.mark.parametrize("login", [{}, {"username": "", "password": ""}])
def test_mail_goes_out_by_every_kind_of_connection(
    mail: SMTPSimulator, security: dict[str, bool], implicit: bool, login: dict[str, str]
) -> None:
    port = mail.tls_port if implicit else mail.port
    assert backend(mail, port=port, **security, **login).send(MAIL) == Accepted("<1@example.com>")
    [received] = mail.journal.messages()
    assert (received.recipient, received.sender) == ("ali@example.com", "info@example.com")
    message = email.message_from_bytes(received.content, policy=email.policy.default)
    assert message["Subject"] == "سلام"
    assert message.get_content().replace("\r\n", "\n") == MAIL.text


@pytest.mark.parametrize(
    ("settings", "port"),
    [
        ({"use_ssl": True, "use_tls": True}, 465),
        ({"use_tls": True}, 587),
        ({}, 25),
        ({"port": None, "use_tls": True}, 587),
        ({"port": 2525, "use_tls": True}, 2525),
    ],
)
def test_the_port_follows_from_the_security(settings: dict[str, object], port: int) -> None:
    assert SMTP({"host": "example.com", **settings})._server.port == port


@pytest.mark.parametrize(
    ("kind", "failure", "code", "words"),
    [
        ("bad_credentials", NotifierTrouble, "bad_credentials", "535"),
        ("login_demanded", NotifierTrouble, "bad_credentials", "530 5.7.0"),
        ("no_room", NotifierTrouble, "unavailable", "452"),
        ("sender_refused", NotServedHere, "sender_refused", "Sender not allowed"),
        ("unknown_recipient", Refused, "invalid_recipient", "No such user here"),
        ("relay_denied", NotServedHere, "relay_denied", "Relay access denied"),
        ("unavailable", NotifierTrouble, "unavailable", "421"),
        ("reset", NotifierTrouble, "connection_lost", "before"),
        ("content_refused", Refused, "content_refused", "looks like spam"),
        ("too_large", NotServedHere, "too_large", "552"),
        ("sending_limit", NotifierTrouble, "rate_limited", "550 5.4.5 Daily user sending limit exceeded"),
        ("too_many", NotifierTrouble, "rate_limited", "550 5.7.0"),
        ("limit_exceeded", NotifierTrouble, "rate_limited", "554 5.7.0"),
        ("unknown_identity", NotServedHere, "sender_refused", "verified Sender Identity"),
        ("send_as", NotServedHere, "sender_refused", "550 5.7.60"),
        ("unverified", NotServedHere, "sender_refused", "554 Message rejected"),
        ("silly_reply", Uncertain, "not_understood", "299"),
        ("timeout_after_accepting", Uncertain, "timeout", "did not confirm"),
        ("reset_after_accepting", Uncertain, "connection_lost", "did not confirm"),
    ],
)
def test_every_trouble_is_classed_with_the_servers_words(
    mail: SMTPSimulator, kind: str, failure: type[Failure], code: str, words: str
) -> None:
    mail.troubles.add(kind, seconds=3)
    error = failure_of(backend(mail))
    assert (type(error), error.code) == (failure, code)
    assert words in error.detail
    assert len(mail.journal.messages()) == kind.endswith("_accepting")
    assert backend(mail).send(MAIL), "the next mail goes through"


@pytest.mark.parametrize("kind", ["greylisted", "deferred"])
def test_a_deferred_mail_says_nothing_against_the_notifier(mail: SMTPSimulator, kind: str) -> None:
    mail.troubles.add(kind)
    error = failure_of(backend(mail))
    assert (type(error), error.code, error.outcome) == (Temporary, "deferred", "temporary")


def test_the_last_reply_may_take_longer_than_others(
    mail: SMTPSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("notifyhub.delivery.backends.smtp.END_SECONDS", 10)
    mail.troubles.add("slow", seconds=2.2)
    assert backend(mail).send(MAIL)


def test_a_session_is_kept_for_the_next_mail(mail: SMTPSimulator) -> None:
    for _ in range(5):
        backend(mail).send(MAIL)
    mail.troubles.add("unknown_recipient")
    failure_of(backend(mail))
    backend(mail).send(MAIL)
    assert mail.connections - 1 == 1, "aiosmtpd counts STARTTLS as one more"
    assert len(mail.journal.messages()) == 6


def test_a_session_that_the_server_dropped_is_opened_anew(mail: SMTPSimulator) -> None:
    backend(mail).send(MAIL)
    mail.drop_connections()
    backend(mail).send(MAIL)
    assert len(mail.journal.messages()) == 2


def test_sessions_are_not_shared_between_servers_or_log_ins(mail: SMTPSimulator) -> None:
    backend(mail).send(MAIL)
    error = failure_of(backend(mail, password="another"))
    assert error.code == "bad_credentials"


def test_threads_use_sessions_of_their_own(mail: SMTPSimulator) -> None:
    sender = backend(mail, use_tls=False)
    threads = [threading.Thread(target=lambda: [sender.send(MAIL) for _ in range(5)]) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(mail.journal.messages()) == 30
    assert mail.connections <= 6


def test_an_idle_session_is_given_up_in_time(mail: SMTPSimulator, monkeypatch: pytest.MonkeyPatch) -> None:
    sender = backend(mail, use_tls=False)
    sender.send(MAIL)
    monkeypatch.setattr(smtp_sessions, "IDLE_SECONDS", -1)
    sender.send(MAIL)
    assert mail.connections == 2


def test_no_more_sessions_are_kept_than_allowed(mail: SMTPSimulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp_sessions, "IDLE_SESSIONS", 0)
    sender = backend(mail, use_tls=False)
    sender.send(MAIL)
    sender.send(MAIL)
    assert mail.connections == 2


def test_nothing_goes_out_in_the_clear_where_tls_was_asked_for() -> None:
    with SMTPSimulator(starttls=False) as mail:
        error = failure_of(backend(mail))
        assert (type(error), error.code) == (NotifierTrouble, "not_offered")
        assert not mail.journal.messages()


def test_a_server_without_log_in_is_trouble_when_one_is_set() -> None:
    with SMTPSimulator(login=False) as mail:
        error = failure_of(backend(mail))
        assert (type(error), error.code) == (NotifierTrouble, "not_offered")


@pytest.mark.parametrize("security", [{"use_tls": True}, {"use_ssl": True}])
def test_an_unknown_certificate_is_refused_and_a_known_one_taken(
    mail: SMTPSimulator, monkeypatch: pytest.MonkeyPatch, security: dict[str, bool]
) -> None:
    port = mail.tls_port if "use_ssl" in security else mail.port
    settings = {"host": "127.0.0.1", "port": port, **security}
    smtp_sessions._context.cache_clear()
    error = failure_of(SMTP(settings, timeouts=IMPATIENT))
    assert (type(error), error.code) == (NotifierTrouble, "unreachable")
    assert error.detail == "The certificate of 127.0.0.1 is not accepted: self-signed certificate."
    monkeypatch.setenv("SSL_CERT_FILE", str(mail.certificate.path))
    smtp_sessions._context.cache_clear()
    assert SMTP(settings, timeouts=IMPATIENT).send(MAIL)
    smtp_sessions._context.cache_clear()


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"host": ""}, "bad_settings"),
        ({"host": "a..b"}, "bad_settings"),
        ({"host": "no-such-host.invalid"}, "unreachable"),
        ({"port": 9}, "unreachable"),
        ({"host": ".example.com"}, "bad_settings"),
        ({"password": "a\0b"}, "bad_settings"),
        ({"password": "گذرواژه"}, "bad_credentials"),
        ({"password": "wrong"}, "bad_credentials"),
    ],
)
def test_wrong_settings_are_trouble_of_the_notifier(
    mail: SMTPSimulator, settings: dict[str, object], code: str
) -> None:
    with pytest.raises(NotifierTrouble) as caught:
        backend(mail, **settings).send(MAIL)
    assert caught.value.code == code


def test_the_password_never_shows(mail: SMTPSimulator, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    sender = backend(mail, password="sesame-open-sesame")
    error = failure_of(sender)
    shown = "".join([caplog.text, repr(sender), repr(sender._server), *traceback.format_exception(error)])
    assert "sesame" not in shown


def test_the_check_logs_in_and_sends_nothing(mail: SMTPSimulator) -> None:
    sender: EmailBackend = backend(mail)
    assert sender.check() is None
    assert sender.reports(["<1@example.com>"]) == {}
    assert not mail.journal.messages()
    with pytest.raises(NotifierTrouble, match="bad_credentials"):
        backend(mail, password="wrong").check()


def test_a_big_mail_with_files_arrives_whole(mail: SMTPSimulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("notifyhub.delivery.backends.smtp.END_SECONDS", 20)
    content = bytes(range(256)) * 20_000
    message = Email(
        "ali@example.com",
        "info@example.com",
        "x",
        "<2@example.com>",
        "t",
        attachments=[Attachment("a.bin", "", content)],
    )
    backend(mail).send(message)
    received = email.message_from_bytes(mail.journal.messages()[0].content, policy=email.policy.default)
    assert next(received.iter_attachments()).get_payload(decode=True) == content


def test_an_address_beyond_ascii_needs_a_server_that_takes_it(mail: SMTPSimulator) -> None:
    message = Email("علی@example.com", "info@example.com", "x", "<3@example.com>", "t")
    backend(mail).send(message)
    assert mail.journal.messages()[0].recipient == "علی@example.com"
    with SMTPSimulator(smtputf8=False) as old:
        assert type(failure_of(backend(old), message)) is NotServedHere


@pytest.mark.parametrize(
    ("message", "failure"),
    [
        (Email("nobody", "info@example.com", "x", "<4@example.com>", "t"), Refused),
        (Email("a@example.com", "nobody", "x", "<4@example.com>", "t"), NotifierTrouble),
        (
            Email("a@example.com", "info@example.com", "x\nBcc: b@example.com", "<4@example.com>", "t"),
            Refused,
        ),
    ],
)
def test_a_mail_that_cannot_be_written_reaches_no_server(
    mail: SMTPSimulator, message: Email, failure: type[Failure]
) -> None:
    assert type(failure_of(backend(mail), message)) is failure
    assert mail.connections == 0


def test_a_server_that_talks_for_ever_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("notifyhub.delivery.backends.smtp.TOTAL_SECONDS", 0.6)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def talk() -> None:
            connection, _ = server.accept()
            with connection:
                try:
                    while True:
                        connection.sendall(b"220-hello\r\n")
                        time.sleep(0.05)
                except OSError:
                    return

        thread = threading.Thread(target=talk)
        thread.start()
        started = time.monotonic()
        error = failure_of(SMTP({"host": "127.0.0.1", "port": server.getsockname()[1]}, timeouts=IMPATIENT))
        assert (type(error), error.code) == (NotifierTrouble, "unreachable")
        assert time.monotonic() - started < 2
        thread.join()
