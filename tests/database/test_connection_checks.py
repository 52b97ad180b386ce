"""Keys that don't fit the database, and a database whose file is gone."""

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from flask import Flask
from flask_migrate import upgrade
from sqlalchemy import text

from notifyhub.app import create_app
from notifyhub.database import connection_checks
from notifyhub.database.confidential import KeysDoNotFit
from notifyhub.database.connection_checks import check_keys
from notifyhub.extensions import db
from tests.support.clients import Api
from tests.support.databases import dispose
from tests.support.factories import EmailNotifierFactory, SMSNotifierFactory, UserFactory, WebhookFactory
from tests.support.processes import free_port

SMS = "/api/notifications/notifiers/sms"
FACTORIES = {
    "sms_notifiers": SMSNotifierFactory,
    "email_notifiers": EmailNotifierFactory,
    "webhooks": WebhookFactory,
}


@pytest.fixture
def other_keys(other_app: Callable[..., Flask]) -> Flask:
    """An application on the same database that has other keys."""
    return other_app(NOTIFYHUB_ENCRYPTION_KEYS=Fernet.generate_key().decode())


@pytest.mark.parametrize("table", FACTORIES)
def test_a_database_whose_secrets_do_not_fit_the_keys_is_refused(
    app: Flask, other_keys: Flask, table: str
) -> None:
    with app.app_context():
        id_ = FACTORIES[table]().id
    with pytest.raises(KeysDoNotFit) as raised:
        check_keys(other_keys)
    assert str(raised.value) == f"None of the keys fits {table} {id_}: nothing was changed."
    check_keys(app)


@pytest.mark.parametrize("last", [False, True])
def test_one_secret_of_many_is_enough(app: Flask, last: bool) -> None:
    with app.app_context():
        first, *_, final = [notifier.id for notifier in SMSNotifierFactory.create_batch(3)]
        strange = final if last else first
        db.session.execute(
            text("UPDATE sms_notifiers SET settings = :x WHERE id = :id"), {"x": "x", "id": strange}
        )
        db.session.commit()
        looking = create_app_like(app)
        with pytest.raises(KeysDoNotFit, match=f"sms_notifiers {strange}:"):
            check_keys(looking)
        dispose(looking)
        db.session.execute(text("DELETE FROM sms_notifiers"))
        db.session.commit()


def create_app_like(app: Flask) -> Flask:
    """Return an application with the same database and keys that has not looked at them."""
    keys = ",".join(app.config["ENCRYPTION_KEYS"])
    return create_app(
        {
            "NOTIFYHUB_DATABASE_URL": app.config["SQLALCHEMY_DATABASE_URI"],
            "NOTIFYHUB_SECRET_KEY": app.config["SECRET_KEY"],
            "NOTIFYHUB_ENCRYPTION_KEYS": keys,
            "NOTIFYHUB_INSTANCE": app.instance_path,
        }
    )


def test_a_database_without_secrets_fits_every_key(app: Flask, other_keys: Flask) -> None:
    with app.app_context():
        UserFactory()
        SMSNotifierFactory(settings={})
    check_keys(other_keys)


def test_commands_refuse_keys_that_do_not_fit(app: Flask, other_keys: Flask) -> None:
    with app.app_context():
        SMSNotifierFactory()
    done = other_keys.test_cli_runner().invoke(args=["users", "create", "x", "--role", "admin"])
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.startswith("Error: None of the keys fits sms_notifiers ")


def test_requests_are_503_and_readyz_says_why(
    app: Flask, api: Api, other_keys: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    with app.app_context():
        SMSNotifierFactory()
    refused = Api(other_keys.test_client(), api.token)
    for _ in range(3):
        assert refused.post(SMS, {"name": "n", "backend": "ippanel"}).status == 503
    ready = refused.get("/readyz")
    assert (ready.status, ready.json["database"]) == (503, "keys do not fit")
    (told,) = [message for message in caplog.messages if "keys" in message]
    assert told.startswith("None of the keys fits sms_notifiers ")
    assert api.get(SMS).json["count"] == 1


def test_a_database_that_is_away_does_not_keep_anything_from_starting(
    other_app: Callable[..., Flask],
) -> None:
    check_keys(other_app(NOTIFYHUB_DATABASE_URL=f"postgresql://127.0.0.1:{free_port()}/x"))


def test_keys_are_not_tried_for_each_connection(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    with app.app_context():
        SMSNotifierFactory()
    tried = []
    monkeypatch.setattr(connection_checks.encryption, "read", lambda *given: tried.append(given))
    fresh = create_app_like(app)
    for _ in range(3):
        check_keys(fresh)
        dispose(fresh)
    assert len(tried) == 2  # as the first secret and as the last one
    monkeypatch.setattr(
        time, "monotonic", lambda now=time.monotonic: now() + connection_checks.KEYS_TRUSTED_SECONDS
    )
    check_keys(fresh)
    assert len(tried) == 4
    dispose(fresh)


@pytest.fixture
def embedded(tmp_path: Path, anonymous: Api) -> Api:
    """An admin's client of an application with a database of its own."""
    app = create_app({"NOTIFYHUB_INSTANCE": str(tmp_path)})
    with app.app_context():
        upgrade()
    done = app.test_cli_runner().invoke(args=["users", "create", "admin", "--role", "admin"])
    return Api(app.test_client(), done.stdout.strip())


def test_what_is_sent_to_a_file_that_is_gone_is_503_until_it_is_back(embedded: Api, tmp_path: Path) -> None:
    file, kept = tmp_path / "notifyhub.db", tmp_path / "kept.db"
    notifier = {"name": "n", "backend": "ippanel"}
    assert embedded.post(SMS, notifier).status == 201
    file.rename(kept)
    for _ in range(3):
        assert embedded.post(SMS, notifier).status == 503
        assert embedded.get(SMS).status == 503
    ready = embedded.get("/readyz")
    assert (ready.status, ready.json["database"]) == (503, "no answer")
    assert not file.exists()
    kept.rename(file)
    assert embedded.get("/readyz").status == 200
    assert embedded.get(SMS).json["count"] == 1


def test_another_file_in_its_place_is_the_database_from_then_on(embedded: Api, tmp_path: Path) -> None:
    file = tmp_path / "notifyhub.db"
    assert embedded.get(SMS).json["count"] == 0
    copy = tmp_path / "copy.db"
    with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
    assert embedded.post(SMS, {"name": "n", "backend": "ippanel"}).status == 201
    for name in ("notifyhub.db-wal", "notifyhub.db-shm"):
        (tmp_path / name).unlink()
    copy.rename(file)
    assert embedded.get(SMS).json["count"] == 0
