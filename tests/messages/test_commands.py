"""`notifyhub send`: one message from a terminal, followed to its end."""

import time
from collections.abc import Callable
from threading import Thread

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import select

from notifyhub.extensions import db
from notifyhub.messages import commands
from notifyhub.messages.models import Message
from tests.messages.accounts import Accounts, make_accounts
from tests.support.factories import EmailPatternFactory
from tests.support.service import until

Send = Callable[..., Result]


@pytest.fixture
def accounts(app: Flask) -> Accounts:
    return make_accounts(app)


@pytest.fixture
def send(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Send:
    """Give a function that runs the command while a message gets a row's values, as a worker would write."""
    monkeypatch.setattr(commands, "POLL_SECONDS", 0.01)

    def run(*words: str, after: float = 0, **written: object) -> Result:
        def write() -> None:
            with app.app_context():
                row = until(_stored, "it is stored", 5)
                time.sleep(after)
                for name, value in written.items():
                    setattr(row, name, value)
                db.session.commit()

        worker = Thread(target=write) if written else None
        if worker:
            worker.start()
        result = app.test_cli_runner().invoke(args=["send", *words])
        if worker:
            worker.join()
        return result

    return run


def _stored() -> Message | None:
    db.session.rollback()
    return db.session.scalars(select(Message)).first()


@pytest.mark.parametrize(
    ("written", "last", "status"),
    [
        ({"status": "delivered"}, "delivered (", 0),
        ({"status": "sent"}, "sent (", 0),
        (
            {"status": "undelivered", "error_code": "blocked", "error_detail": "No\nthanks"},
            "undelivered: blocked: No thanks",
            1,
        ),
        ({"status": "failed", "error_code": "x", "error_detail": ""}, "failed: x: ", 1),
        ({"status": "cancelled"}, "cancelled", 1),
        ({"status": "expired"}, "expired", 1),
    ],
)
@pytest.mark.usefixtures("accounts")
def test_a_message_is_followed_to_its_end(
    send: Send, written: dict[str, str], last: str, status: int
) -> None:
    result = send("09121234567", "--text", "Hello", **written)
    first, *_, end = result.stdout.splitlines()
    assert first.startswith("Message ")
    assert end.startswith(last.rstrip())
    assert result.exit_code == status


def test_what_is_sent_is_what_was_asked_for(send: Send, app: Flask, accounts: Accounts) -> None:
    with app.app_context():
        EmailPatternFactory(notifier_id=accounts.email, name="سفارش", subject="{0}", body_text="{1}")
    sent = {"status": "sent"}
    send("0912 123 4567", "--text", "سلام", **sent)
    assert columns(app) == ("sms", "+989121234567", None, "سلام", None)
    send("ada@Example.com", "--subject", "S", "--text", "T", **sent)
    assert columns(app) == ("email", "ada@example.com", "S", "T", None)
    send("ada@example.com", "--pattern", "سفارش", "--arg", "1", "--arg", "2", **sent)
    assert columns(app) == ("email", "ada@example.com", "1", "2", "سفارش")


def columns(app: Flask) -> tuple[object, ...]:
    """Return what the only message has, and delete it."""
    with app.app_context():
        message = db.session.scalars(select(Message)).one()
        found = (message.channel, message.recipient, message.subject, message.text, message.pattern_name)
        db.session.delete(message)
        db.session.commit()
        return found


@pytest.mark.parametrize(
    ("words", "refusal"),
    [
        (["0912", "--text", "x"], "Error: TO: "),
        (["09121234567"], "Error: --text: Give a `pattern` or a `text`."),
        (
            ["09121234567", "--pattern", "nobody's"],
            "Error: --pattern: Object with name=nobody's does not exist.",
        ),
        (["09121234567", "--text", "x", "--arg", "1"], "Error: --arg: Arguments fill a pattern"),
        (["ada@example.com", "--text", "x"], "Error: --subject: This field is required."),
        (["ada@example.com", "--subject", "a\nb", "--text", "x"], "Error: --subject: "),
        (["0912\udcff", "--text", "x"], "Error: TO: This is not UTF-8."),
        (["09121234567", "--text", "\udcff"], "Error: --text: This is not UTF-8."),
        (["09121234567", "--pattern", "\udcff"], "Error: --pattern: This is not UTF-8."),
        (["09121234567", "--pattern", "x", "--arg", "\udcff"], "Error: --arg: This is not UTF-8."),
    ],
)
@pytest.mark.usefixtures("accounts")
def test_what_is_wrong_is_told_in_one_line_and_nothing_is_stored(
    send: Send, app: Flask, words: list[str], refusal: str
) -> None:
    result = send(*words)
    assert (result.exit_code, result.stdout) == (1, "")
    (line,) = result.stderr.splitlines()
    assert line.startswith(refusal)
    with app.app_context():
        assert db.session.scalars(select(Message)).all() == []


def test_without_a_default_notifier_nothing_is_sent(send: Send) -> None:
    result = send("09121234567", "--text", "x")
    assert result.exit_code == 1
    assert "notifications_sms_notifier" in result.stderr


@pytest.mark.usefixtures("accounts")
def test_a_missing_worker_is_remarked_on(send: Send, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "UNTAKEN_SECONDS", -1.0)

    result = send("09121234567", "--text", "x", after=0.3, status="cancelled")
    assert result.stderr.count("No worker takes it") == 1
