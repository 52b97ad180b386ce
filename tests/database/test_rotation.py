"""`flask keys rotate`."""

import json
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import Result
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from flask import Flask
from sqlalchemy import select, text

from notifyhub.database import rotation
from notifyhub.extensions import db
from notifyhub.notifiers.models import EmailNotifier, SMSNotifier
from tests.support.environment import ENCRYPTION_KEY
from tests.support.factories import EmailNotifierFactory, SMSNotifierFactory
from tests.support.processes import Server

NEW_KEY = Fernet.generate_key().decode()
SETTINGS = {"token": "a token", "n": [1, True, None, "سلام"]}


@pytest.fixture
def rotate(other_app: Callable[..., Flask]) -> Callable[..., Result]:
    """Give a function that rotates to the first of some keys."""

    def run(*keys: str) -> Result:
        app = other_app(NOTIFYHUB_ENCRYPTION_KEYS=",".join(keys))
        return app.test_cli_runner().invoke(args=["keys", "rotate"])

    return run


@pytest.fixture
def stored(app: Flask) -> None:
    with app.app_context():
        SMSNotifierFactory.create_batch(2, settings=SETTINGS)
        SMSNotifierFactory(settings={})
        EmailNotifierFactory.create_batch(2, password="a password")
        EmailNotifierFactory(password="")


def raw(app: Flask) -> list[dict[str, Any]]:
    """Return all rows with secrets as they are stored."""
    with app.app_context():
        return [
            dict(row)
            for table in ("sms_notifiers", "email_notifiers")
            for row in db.session.execute(text(f"SELECT * FROM {table} ORDER BY id")).mappings()
        ]


def secrets(rows: list[dict[str, Any]]) -> list[str | None]:
    return [row.get("settings", row.get("password")) for row in rows]


@pytest.mark.parametrize("batch", [1, 2, 500])
def test_all_secrets_are_encrypted_under_the_first_key_and_nothing_else_changes(
    rotate: Callable[..., Result], stored: None, app: Flask, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    monkeypatch.setattr(rotation, "BATCH", batch)
    before = raw(app)
    result = rotate(NEW_KEY, ENCRYPTION_KEY)
    assert (result.exit_code, result.output) == (0, "5 secrets are encrypted under the first key.\n")
    after = raw(app)
    new, old = Fernet(NEW_KEY), Fernet(ENCRYPTION_KEY)
    for was, now in zip(secrets(before), secrets(after), strict=True):
        if was is None:
            assert now is None
        else:
            assert now is not None
            assert new.decrypt(now) == old.decrypt(was)
            with pytest.raises(InvalidToken):
                old.decrypt(now)
    for was, now in zip(before, after, strict=True):
        assert {**was, "settings": 0, "password": 0} == {**now, "settings": 0, "password": 0}


def test_the_values_are_the_same_afterwards(
    rotate: Callable[..., Result], stored: None, other_app: Callable[..., Flask]
) -> None:
    rotate(NEW_KEY, ENCRYPTION_KEY)
    with other_app(NOTIFYHUB_ENCRYPTION_KEYS=NEW_KEY).app_context():
        assert list(db.session.scalars(select(SMSNotifier.settings).order_by(SMSNotifier.id))) == [
            SETTINGS,
            SETTINGS,
            {},
        ]
        passwords = db.session.scalars(select(EmailNotifier.password).order_by(EmailNotifier.id))
        assert list(passwords) == ["a password", "a password", ""]


def test_secrets_that_were_stored_before_they_had_places_get_them(
    rotate: Callable[..., Result], stored: None, app: Flask
) -> None:
    with app.app_context():
        last = db.session.scalars(select(EmailNotifier.id).order_by(EmailNotifier.id.desc()).limit(1)).one()
        old = Fernet(ENCRYPTION_KEY).encrypt(b"old").decode()
        db.session.execute(text("UPDATE email_notifiers SET password = :old"), {"old": old})
        db.session.commit()
    assert rotate(NEW_KEY, ENCRYPTION_KEY).exit_code == 0
    contents = [Fernet(NEW_KEY).decrypt(row["password"]) for row in raw(app) if "password" in row]
    assert contents[-1] == b"\0email_notifiers.password:%d\0old" % last
    assert len(set(contents)) == 3


def test_rotating_again_is_harmless(rotate: Callable[..., Result], stored: None, app: Flask) -> None:
    for _ in range(2):
        assert rotate(NEW_KEY, ENCRYPTION_KEY).exit_code == 0
    keys = MultiFernet([Fernet(NEW_KEY)])
    assert all(keys.decrypt(secret) is not None for secret in secrets(raw(app)) if secret)


def test_nothing_changes_if_one_secret_fits_no_key(
    rotate: Callable[..., Result], stored: None, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rotation, "BATCH", 1)
    with app.app_context():
        last = db.session.scalars(select(EmailNotifier.id).order_by(EmailNotifier.id.desc())).first()
        strange = Fernet(Fernet.generate_key()).encrypt(b"x").decode()
        db.session.execute(
            text("UPDATE email_notifiers SET password = :secret WHERE id = :id"),
            {"secret": strange, "id": last},
        )
        db.session.commit()
    before = raw(app)
    result = rotate(NEW_KEY, ENCRYPTION_KEY)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == f"Error: None of the keys fits email_notifiers {last}: nothing was changed.\n"
    assert raw(app) == before


def test_an_empty_database_can_be_rotated(rotate: Callable[..., Result]) -> None:
    assert rotate(NEW_KEY).output == "0 secrets are encrypted under the first key.\n"


@pytest.mark.slow
def test_a_server_that_knows_both_keys_goes_on_serving(
    rotate: Callable[..., Result], stored: None, gunicorn: Callable[..., Server], token: Callable[..., str]
) -> None:
    server = gunicorn(workers=1, NOTIFYHUB_ENCRYPTION_KEYS=f"{NEW_KEY},{ENCRYPTION_KEY}")
    request = urllib.request.Request(
        f"{server.url}/api/notifications/notifiers/sms?ordering=id",
        headers={"Authorization": f"Token {token()}"},
    )

    def settings() -> list[Any]:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return [row["settings"] for row in json.load(answer)["results"]]

    assert settings() == [SETTINGS, SETTINGS, {}]
    assert rotate(NEW_KEY, ENCRYPTION_KEY).exit_code == 0
    assert settings() == [SETTINGS, SETTINGS, {}]
