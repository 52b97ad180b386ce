import email
import email.policy
import logging
import socket
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from notifyhub.providers.base import Accepted, Attachment, Email, EmailProvider
from notifyhub.providers.errors import Failure, NotifierTrouble, NotServedHere, Refused, Temporary, Uncertain
from notifyhub.providers.smtp import sessions
from notifyhub.providers.smtp.client import SMTP
from notifyhub.providers.sockets import Timeouts, exchange
from notifyhub.text.hosts import AllowedHosts
from tests.simulators import SMTPSimulator
from tests.simulators.smtp import PASSWORD, USERNAME
from tests.support.processes import free_port

IMPATIENT = Timeouts(connect=2, read=2)
MAIL = Email(
    "ali@example.com", "Notify Hub <info@example.com>", "سلام", "<1@example.com>", "Hello\n.\n..\nend\n"
)


@pytest.fixture(autouse=True)
def _impatient_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("notifyhub.providers.smtp.client.FINAL_REPLY_SECONDS", 1)


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


@pytest.mark.slow
def test_the_last_reply_may_take_longer_than_others(
    mail: SMTPSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("notifyhub.providers.smtp.client.FINAL_REPLY_SECONDS", 10)
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
    monkeypatch.setattr(sessions, "MAX_IDLE_SECONDS", -1)
    sender.send(MAIL)
    assert mail.connections == 2


def test_no_more_sessions_are_kept_than_allowed(mail: SMTPSimulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "MAX_IDLE_SESSIONS", 0)
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
    sessions._context.cache_clear()
    error = failure_of(SMTP(settings, timeouts=IMPATIENT))
    assert (type(error), error.code) == (NotifierTrouble, "unreachable")
    assert error.detail == "The certificate of 127.0.0.1 is not accepted: self-signed certificate."
    monkeypatch.setenv("SSL_CERT_FILE", str(mail.certificate.path))
    sessions._context.cache_clear()
    assert SMTP(settings, timeouts=IMPATIENT).send(MAIL)
    sessions._context.cache_clear()


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
    sender: EmailProvider = backend(mail)
    assert sender.check() is None
    assert sender.reports(["<1@example.com>"]) == {}
    assert not mail.journal.messages()
    with pytest.raises(NotifierTrouble, match="bad_credentials"):
        backend(mail, password="wrong").check()


def test_a_big_mail_with_files_arrives_whole(mail: SMTPSimulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("notifyhub.providers.smtp.client.FINAL_REPLY_SECONDS", 20)
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


def test_an_address_to_reply_to_beyond_ascii_needs_smtputf8_too(mail: SMTPSimulator) -> None:
    message = replace(MAIL, reply_to="علی@example.com")
    backend(mail).send(message)
    assert "Reply-To: علی@example.com\r\n".encode() in mail.journal.messages()[0].content
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
    monkeypatch.setattr("notifyhub.providers.smtp.client.SEND_SECONDS", 0.6)
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


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "CRAM-MD5"])
@pytest.mark.parametrize("password", ["p€ss", "رمز۱۲۳", "pass word", "😀"])
def test_a_log_in_beyond_ascii_is_utf8(mechanism: str, password: str) -> None:
    with SMTPSimulator(mechanism=mechanism) as mail:
        mail.password = password
        assert backend(mail, password=password).send(MAIL)
        error = failure_of(backend(mail, password=f"{password}x"))
        assert (type(error), error.code) == (NotifierTrouble, "bad_credentials")
        assert password not in error.detail


@pytest.mark.parametrize("kind", ["leaving", "left", "unavailable", "reset", "leaving_at_the_end"])
def test_a_kept_session_that_the_server_ends_is_its_own_end_alone(mail: SMTPSimulator, kind: str) -> None:
    sender = backend(mail, use_tls=False)
    sender.send(MAIL)
    mail.troubles.add(kind)
    assert sender.send(MAIL)
    assert mail.connections == 2
    assert len(mail.journal.messages()) == 2


@pytest.mark.parametrize("kind", ["leaving", "left", "unavailable", "reset", "leaving_at_the_end"])
def test_a_server_that_ends_new_sessions_too_is_trouble(mail: SMTPSimulator, kind: str) -> None:
    sender = backend(mail, use_tls=False)
    sender.send(MAIL)
    mail.troubles.add(kind, times=2)
    assert type(failure_of(sender)) is NotifierTrouble
    assert mail.connections == 2
    assert sender.send(MAIL)


def test_nothing_is_sent_again_after_a_final_dot_without_an_answer(mail: SMTPSimulator) -> None:
    sender = backend(mail, use_tls=False)
    sender.send(MAIL)
    mail.troubles.add("reset_after_accepting")
    assert type(failure_of(sender)) is Uncertain
    assert mail.connections == 1


@pytest.mark.parametrize("kind", ["no_room", "greylisted", "sending_limit", "bad_credentials"])
def test_other_trouble_on_a_kept_session_is_not_tried_again(mail: SMTPSimulator, kind: str) -> None:
    sender = backend(mail, use_tls=False)
    sender.send(MAIL)
    mail.troubles.add("login_demanded" if kind == "bad_credentials" else kind)
    failure_of(sender)
    assert mail.connections == 1


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("mail.example.com", "mail.example.com"),
        ("a1b2c3", "[127.0.0.1]"),
        ("localhost.localdomain", "[127.0.0.1]"),
        ("1.0.0.127.in-addr.arpa", "[127.0.0.1]"),
        ("compose_app.internal", "[127.0.0.1]"),
        ("10.0.0.1", "[127.0.0.1]"),
        ("", "[127.0.0.1]"),
    ],
)
def test_without_a_full_name_the_socket_s_address_is_the_client_s_name(
    mail: SMTPSimulator, monkeypatch: pytest.MonkeyPatch, name: str, expected: str
) -> None:
    monkeypatch.setattr(socket, "getfqdn", lambda: name)
    sessions._own_name.cache_clear()
    backend(mail, use_tls=False).check()
    sessions._own_name.cache_clear()
    assert mail.names == [expected]


@pytest.mark.parametrize(
    ("address", "literal"),
    [
        ("192.0.2.1", "[192.0.2.1]"),
        ("2001:db8::1", "[IPv6:2001:db8::1]"),
        ("fe80::1%eth0", "[IPv6:fe80::1]"),
    ],
)
def test_addresses_are_literals_of_smtp(address: str, literal: str) -> None:
    assert sessions._literal(address) == literal


def test_a_name_that_the_resolver_keeps_is_not_waited_for(
    mail: SMTPSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "getfqdn", lambda: time.sleep(1) or "mail.example.com")
    monkeypatch.setattr(sessions, "OWN_NAME_SECONDS", 0.1)
    sessions._own_name.cache_clear()
    backend(mail, use_tls=False).check()
    sessions._own_name.cache_clear()
    assert mail.names == ["[127.0.0.1]"]


@contextmanager
def speaking(first: bytes, *, every: float = 0, silent: bool = False) -> Iterator[int]:
    """A port where something else answers: its bytes at once, or one by one."""
    done = threading.Event()

    def talk(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection:
            try:
                for piece in [first] if not every else (bytes([byte]) for byte in first * 1000):
                    connection.sendall(piece)
                    if done.wait(every):
                        return
                done.wait(5 if silent else 0)
            except OSError:
                return

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=talk, args=(server,))
        thread.start()
        yield server.getsockname()[1]
        done.set()
        thread.join()


UNREACHABLE = "No mail server answers at port 25 of 127.0.0.1."


def words_of_check(port: int, **settings: object) -> str:
    with pytest.raises(NotifierTrouble) as caught:
        SMTP({"host": "127.0.0.1", "port": port, **settings}, timeouts=Timeouts(connect=1, read=0.3)).check()
    assert caught.value.code == "unreachable"
    return caught.value.detail.replace(str(port), "25")


@pytest.mark.parametrize("security", [{}, {"use_tls": True}, {"use_ssl": True}])
@pytest.mark.parametrize(
    "greeting",
    [
        b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"-ERR unknown command\r\n",
        b"* OK IMAP4 ready\r\n",
        b"220SSH\r\n",
        b"2205 x\r\n",
        b"099 x\r\n",
        b"600 x\r\n",
        b"+25 x\r\n",
        b"2_0 x\r\n",
        b"\xff\xfb\x01",
        b"220-a\r\n250 b\r\n",
        b"220 no end of the line",
        b"220 " + b"x" * 9000 + b"\r\n",
        b"",
    ],
)
def test_what_is_not_smtp_is_not_quoted_nor_told_from_a_closed_port(
    greeting: bytes, security: dict[str, bool]
) -> None:
    with speaking(greeting) as port:
        assert words_of_check(port, **security) == UNREACHABLE


@pytest.mark.parametrize("security", [{}, {"use_tls": True}, {"use_ssl": True}])
def test_neither_is_a_port_that_stays_silent(security: dict[str, bool]) -> None:
    with speaking(b"", silent=True) as port:
        assert words_of_check(port, **security) == UNREACHABLE
    assert words_of_check(free_port(), **security) == UNREACHABLE


def test_the_operator_s_log_says_why_no_session_came_about(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "notifyhub")
    words_of_check(free_port())
    assert "Connection refused" in caplog.text
    with speaking(b"SSH-2.0-x\r\n") as port:
        words_of_check(port)
    assert "NotAReply" in caplog.text
    assert "SSH" not in caplog.text


def test_a_refusal_in_smtp_is_quoted() -> None:
    with speaking(b"554-No SMTP service here\r\n554 Go away\r\n") as port, pytest.raises(Failure) as caught:
        SMTP({"host": "127.0.0.1", "port": port}).check()
    assert (caught.value.code, caught.value.detail) == ("blocked", "554 No SMTP service here Go away")


@pytest.mark.parametrize("security", [{}, {"use_ssl": True}])
@pytest.mark.parametrize("piece", [b"220-a\r\n", b"\x16\x03\x03\x40\x00\x02\x00\x00\x76", b"2"])
def test_a_check_ends_in_time_whatever_trickles(security: dict[str, bool], piece: bytes) -> None:
    with speaking(piece, every=0.02) as port:
        started = time.monotonic()
        with exchange(0.5), pytest.raises(NotifierTrouble):
            SMTP({"host": "127.0.0.1", "port": port, **security}, timeouts=IMPATIENT).check()
        assert time.monotonic() - started < 1


def test_a_check_waits_neither_for_a_slow_resolver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: time.sleep(2) or [])
    started = time.monotonic()
    with exchange(0.3), pytest.raises(NotifierTrouble, match="No mail server answers"):
        SMTP({"host": "mail.example.com"}).check()
    assert time.monotonic() - started < 1


def test_a_trickled_handshake_after_starttls_ends_in_time(mail: SMTPSimulator) -> None:
    first = b"220 x\r\n250-x\r\n250 STARTTLS\r\n220 go\r\n"
    hello = b"\x16\x03\x03\x40\x00\x02"

    def talk(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection:
            for line in (first[:7], first[7:31], first[31:]):
                connection.sendall(line)
                connection.recv(1000)
            try:
                for byte in hello + b"\0" * 1000:
                    connection.sendall(bytes([byte]))
                    time.sleep(0.02)
            except OSError:
                return

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=talk, args=(server,))
        thread.start()
        started = time.monotonic()
        settings = {"host": "127.0.0.1", "port": server.getsockname()[1], "use_tls": True}
        with exchange(0.5), pytest.raises(NotifierTrouble):
            SMTP(settings, timeouts=IMPATIENT).check()
        assert time.monotonic() - started < 1
        thread.join()


@pytest.mark.parametrize(
    ("host", "allowed", "reached"),
    [
        ("127.0.0.1", ["127.0.0.1"], True),
        ("127.0.0.1", ["127.0.0.0/8"], True),
        ("localhost", ["localhost"], True),
        ("LOCALHOST", ["localhost."], True),
        ("localhost", ["127.0.0.0/8"], True),
        ("mail.example.com", ["127.0.0.0/8"], True),
        ("mail.example.com", ["mail.example.com"], True),
        ("mail.example.com", ["10.0.0.0/8", "smtp.example.com"], False),
        ("127.0.0.1", ["10.0.0.0/8"], False),
        ("127.1", ["10.0.0.0/8"], False),
        ("localhost", ["mail.example.com"], False),
    ],
)
def test_only_allowed_hosts_are_connected_to(
    mail: SMTPSimulator, monkeypatch: pytest.MonkeyPatch, host: str, allowed: list[str], reached: bool
) -> None:
    resolve = socket.getaddrinfo

    def everything_is_here(host: str, port: int, **options: Any) -> Any:
        return resolve("127.0.0.1" if host == "mail.example.com" else host, port, **options)

    monkeypatch.setattr(socket, "getaddrinfo", everything_is_here)
    settings = {"host": host, "port": mail.port}
    sender = SMTP(settings, hosts=AllowedHosts.read(allowed), timeouts=IMPATIENT)
    if reached:
        assert sender.check() is None
    else:
        error = failure_of(sender)
        assert (type(error), error.code) == (NotifierTrouble, "host_not_allowed")
        assert "NOTIFYHUB_MAIL_HOSTS" in error.detail
    assert bool(mail.connections) is reached


def test_a_mail_server_is_that_of_idna_2008(mail: SMTPSimulator, monkeypatch: pytest.MonkeyPatch) -> None:
    resolve, asked = socket.getaddrinfo, []

    def note(host: str, port: int, **options: Any) -> Any:
        asked.append(host)
        return resolve("127.0.0.1", port, **options)

    monkeypatch.setattr(socket, "getaddrinfo", note)
    backend(mail, host="mail.straße.de").check()
    assert asked == ["mail.xn--strae-oqa.de"]


@pytest.mark.parametrize("host", ["local\u200chost", "local\u00adhost", "localhost\u200f", "i\u2764.ws"])
def test_a_host_that_idna_2008_forbids_is_no_mail_server(mail: SMTPSimulator, host: str) -> None:
    with pytest.raises(NotifierTrouble) as caught:
        backend(mail, host=host)
    assert caught.value.code == "bad_settings"
    assert mail.connections == 0
