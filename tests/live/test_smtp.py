"""Conversations with mail servers, and what becomes of the messages."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.simulators import SMTPSimulator, smtp
from tests.support.live import Live
from tests.support.processes import free_port

EMAIL = "notifications/notifiers/email"
NOTIFIER = {
    "host": "127.0.0.1",
    "username": smtp.USERNAME,
    "password": smtp.PASSWORD,
    "from_email": "info@example.com",
}


@contextmanager
def backup(live: Live, server: SMTPSimulator) -> Iterator[None]:
    """The mail server is the backup of the default one."""
    made = live.make(EMAIL, {**NOTIFIER, "name": "backup", "port": server.port})
    settings = "settings/delivery"
    assert live.call("PATCH", settings, {"email_backup_notifiers": [made["id"]]})[0] == 200
    try:
        yield
    finally:
        assert live.call("PATCH", settings, {"email_backup_notifiers": []})[0] == 200


@pytest.fixture(scope="module")
def other() -> Iterator[SMTPSimulator]:
    with SMTPSimulator() as server:
        yield server


@pytest.mark.parametrize(
    ("kind", "outcome", "code"),
    [
        ("sending_limit", "temporary", "rate_limited"),
        ("too_many", "temporary", "rate_limited"),
        ("limit_exceeded", "temporary", "rate_limited"),
        ("unknown_identity", "permanent", "sender_refused"),
        ("send_as", "permanent", "sender_refused"),
        ("unverified", "permanent", "sender_refused"),
    ],
)
def test_the_backup_sends_what_the_account_or_its_sender_keeps_from_being_sent(
    live: Live, other: SMTPSimulator, kind: str, outcome: str, code: str
) -> None:
    live.smtp.troubles.add(kind, recipient=f"{kind}@example.com")
    with backup(live, other):
        sent = live.send(channel="email", to=f"{kind}@example.com", subject="x", text="y")
    assert sent["status"] == "sent"
    first, second = sent["attempts"]
    assert (first["outcome"], first["error"]["code"]) == (outcome, code)
    assert second["outcome"] == "accepted"
    assert len(other.journal.messages(f"{kind}@example.com")) == 1


@pytest.mark.parametrize(
    ("kind", "code"), [("unknown_recipient", "invalid_recipient"), ("content_refused", "content_refused")]
)
def test_what_is_wrong_with_the_message_ends_it(
    live: Live, other: SMTPSimulator, kind: str, code: str
) -> None:
    live.smtp.troubles.add(kind, recipient=f"{kind}@example.com")
    with backup(live, other):
        failed = live.send(channel="email", to=f"{kind}@example.com", subject="x", text="y")
    assert (failed["status"], failed["error"]["code"], len(failed["attempts"])) == ("failed", code, 1)


@pytest.mark.parametrize("password", ["p€ss", "رمز۱۲۳"])
def test_a_password_beyond_ascii_logs_in(live: Live, password: str) -> None:
    with SMTPSimulator() as server:
        server.password = password
        made = live.make(EMAIL, {**NOTIFIER, "name": "utf8", "port": server.port, "password": password})
        status, answer = live.call("POST", f"{EMAIL}/{made['id']}/check")
        assert (status, answer["ok"]) == (200, True)
        sent = live.send(channel="email", notifier=made["id"], to="ali@example.com", subject="x", text="y")
        assert sent["status"] == "sent"


def test_a_kept_session_that_ends_is_no_trouble_of_the_notifier(live: Live) -> None:
    live.send(channel="email", to="kept@example.com", subject="x", text="y")
    live.smtp.troubles.add("leaving")
    sent = live.send(channel="email", to="kept@example.com", subject="x", text="y")
    live.smtp.troubles.clear()
    assert [attempt["outcome"] for attempt in sent["attempts"]] == ["accepted"]
    assert len(live.smtp.journal.messages("kept@example.com")) == 2


def test_a_password_goes_to_no_server_of_a_name_that_is_only_like_the_given_one(live: Live) -> None:
    made = live.make(EMAIL, {**NOTIFIER, "name": "like", "host": "local\u200chost", "port": live.smtp.port})
    before = live.smtp.connections
    found = live.call("POST", f"{EMAIL}/{made['id']}/check")[1]
    assert (found["ok"], "can't be the name of a host" in found["detail"]) == (False, True)
    assert live.smtp.connections == before


def test_a_host_without_a_full_name_greets_with_its_address(live: Live) -> None:
    assert live.call("POST", f"{EMAIL}/{live.email_notifier}/check")[1]["ok"]
    name = live.smtp.names[-1]
    assert name == "[127.0.0.1]" or "." in name.strip("[]")


def test_a_check_tells_no_port_from_another(live: Live) -> None:
    def greet(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection:
            connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")

    def answer(port: int) -> Any:
        made = live.make(EMAIL, {**NOTIFIER, "name": "port", "port": port})
        found = live.call("POST", f"{EMAIL}/{made['id']}/check")[1]
        assert found["ok"] is False
        return found["detail"].replace(str(port), "25")

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=greet, args=(server,))
        thread.start()
        banner = answer(server.getsockname()[1])
        thread.join()
    assert banner == answer(free_port()) == "No mail server answers at port 25 of 127.0.0.1."
