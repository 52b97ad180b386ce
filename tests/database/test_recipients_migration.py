"""What the migration makes of recipients that were stored before there was one form."""

from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.fernet import Fernet
from flask import Flask
from flask_migrate import downgrade, upgrade
from sqlalchemy import event, text

from notifyhub.extensions import db
from tests.database.test_migrations import application  # noqa: F401 - a fixture
from tests.support.environment import ENCRYPTION_KEY

BEFORE = "0006"
MESSAGE = """
    INSERT INTO messages (channel, status, recipient, reply_to, notifier_id, notifier_name, home_notifier_id,
        client_metadata, is_test, expires_at, rounds, reports_asked, created_at, updated_at)
    VALUES (:channel, 'sent', :to, :reply_to, 1, 'n', 1, '{}', false, :at, 0, 0, :at, :at)
"""
NOTIFIER = """
    INSERT INTO email_notifiers (name, host, port, username, password, from_email, use_tls, use_ssl,
        fail_silently, created_at, updated_at)
    VALUES ('mail', 'h', 25, '', :password, :sender, true, false, false, :at, :at)
"""
PASSWORD = Fernet(ENCRYPTION_KEY).encrypt(b"").decode()
AT = {"at": "2025-03-01 12:00:00"}


@pytest.fixture
def old(application: Flask) -> Iterator[None]:  # noqa: F811
    """Enter the context of an application whose database is that of the migration before."""
    with application.app_context():
        downgrade(revision="base")
        upgrade(revision=BEFORE)
        yield
        db.session.remove()


def store(channel: str, to: str, reply_to: str | None = None) -> None:
    with db.engine.begin() as connection:
        connection.execute(text(MESSAGE), {"channel": channel, "to": to, "reply_to": reply_to, **AT})


def rows(words: str) -> list[Any]:
    with db.engine.connect() as connection:
        return list(connection.execute(text(words)).scalars())


@pytest.mark.usefixtures("old")
def test_addresses_get_their_one_form() -> None:
    given = ["user@straße.de", "User@Example.COM", "kept@example.com", "a@[192.0.2.1]", "é@example.com"]
    for to in given:
        store("email", to, "Help <Help@Straße.de>")
    with db.engine.begin() as connection:
        for sender in ("Info <Info@Straße.de>", "N" * 245 + "<a@ßß.de>"):
            connection.execute(text(NOTIFIER), {"sender": sender, "password": PASSWORD, **AT})
    upgrade()
    assert rows("SELECT recipient FROM messages ORDER BY id") == [
        *("user@xn--strae-oqa.de", "User@example.com", "kept@example.com", "a@[192.0.2.1]", "é@example.com")
    ]
    assert set(rows("SELECT reply_to FROM messages")) == {"Help <Help@xn--strae-oqa.de>"}
    assert rows("SELECT from_email FROM email_notifiers ORDER BY id") == [
        "Info <Info@xn--strae-oqa.de>",
        "N" * 245 + "<a@ßß.de>",  # it would be too long for its column
    ]


@pytest.mark.usefixtures("old")
@pytest.mark.parametrize("settings", [False, True])
@pytest.mark.parametrize(
    ("to", "countries"), [("+447400123456", []), ("+989121234567", ["IR"]), ("", ["IR"])]
)
def test_who_has_sent_abroad_goes_on_doing_so(settings: bool, to: str, countries: list[str]) -> None:
    store("sms", to)
    store("email", "a@example.com")
    if settings:
        with db.engine.begin() as connection:
            connection.execute(
                text("INSERT INTO delivery_settings VALUES (1, '[]', '[]', 7, '[5]', 86400, 90, true)")
            )
    upgrade()
    with db.engine.connect() as connection:
        found = connection.execute(db.select(db.metadata.tables["delivery_settings"])).mappings().first()
    assert (found["sms_countries"] if found else ["IR"]) == countries
    if found:
        assert found["max_attempts"] == (7 if settings else 5)
        assert found["resend_uncertain"] is True


@pytest.mark.usefixtures("old")
def test_as_many_addresses_as_messages_are_rewritten_some_at_a_time() -> None:
    many = 10_001
    with db.engine.begin() as connection:
        values = [{"channel": "email", "to": f"u{i}@Shop.com", "reply_to": None, **AT} for i in range(many)]
        connection.execute(text(MESSAGE), values)
    changes = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("UPDATE messages"):
            changes.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        upgrade()
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
    assert rows("SELECT recipient FROM messages ORDER BY id") == [f"u{i}@shop.com" for i in range(many)]
    assert len(changes) == 2
