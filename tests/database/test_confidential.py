"""A secret can be read where it was stored, and nowhere else."""

from itertools import permutations
from typing import Any

import pytest
from cryptography.fernet import Fernet, InvalidToken
from flask import Flask
from sqlalchemy import Column, Connection, Table, Text, insert, select, type_coerce, update
from sqlalchemy.exc import StatementError

from notifyhub.database import encryption
from notifyhub.database.columns import Encrypted, place
from notifyhub.database.confidential import Confidential, encrypted_columns, with_id
from notifyhub.database.connections import autocommit, orm_session
from notifyhub.extensions import db
from notifyhub.notifiers.models import EmailNotifier, SMSNotifier
from notifyhub.webhooks.models import Webhook
from tests.support.clients import Api
from tests.support.environment import ENCRYPTION_KEY
from tests.support.factories import EmailNotifierFactory, SMSNotifierFactory, WebhookFactory

FACTORIES = {SMSNotifier: SMSNotifierFactory, EmailNotifier: EmailNotifierFactory, Webhook: WebhookFactory}
SECRETS = {Webhook: "secret", EmailNotifier: "password", SMSNotifier: "settings"}


def raw(connection: Connection, column: Column[Any], row: int) -> str:
    """Return a secret as it is stored."""
    return str(connection.scalar(select(type_coerce(column, Text)).where(column.table.c.id == row)))


def put(connection: Connection, column: Column[Any], row: int, secret: str) -> None:
    """Store a secret as it is."""
    values = {column: type_coerce(secret, Text)}
    assert isinstance(column.table, Table)
    connection.execute(update(column.table).where(column.table.c.id == row).values(values))


def test_every_secret_knows_the_column_that_it_is_stored_in() -> None:
    assert {str(column) for column in encrypted_columns()} == {
        f"{model.__tablename__}.{name}" for model, name in SECRETS.items()
    }
    for column in encrypted_columns():
        assert isinstance(column.type, Encrypted)
        assert column.type.column == str(column)


def test_rows_with_secrets_have_their_ids_before() -> None:
    tables = {column.table.name for column in encrypted_columns()}
    assert {model.__tablename__ for model in Confidential.__subclasses__()} == tables


def test_a_secret_in_another_row_table_or_column_cannot_be_read(app: Flask) -> None:
    with app.app_context():
        rows = {column: [FACTORIES[model]().id for _ in range(2)] for column, model in columns().items()}
        with db.engine.begin() as connection:
            places = [(column, row) for column, ids in rows.items() for row in ids]
            stored = {place: raw(connection, *place) for place in places}
            for here, there in permutations(places, 2):
                put(connection, *here, stored[there])
                with pytest.raises(InvalidToken, match=f"{here[0]}:{here[1]} "):
                    connection.scalar(select(here[0]).where(here[0].table.c.id == here[1]))
                put(connection, *here, stored[here])
                assert connection.scalar(select(here[0]).where(here[0].table.c.id == here[1]))


def columns() -> dict[Column[Any], type[Confidential]]:
    models = {model.__tablename__: model for model in SECRETS}
    return {column: models[column.table.name] for column in encrypted_columns()}


def test_a_swapped_secret_is_an_error_over_http_and_not_the_wrong_secret(app: Flask, api: Api) -> None:
    url = "/api/notifications/notifiers/email"
    with app.app_context():
        # Between two others: a new connection tries the keys at the first row and at the last one.
        _, mine, yours = [EmailNotifierFactory(password=of).id for of in ("first", "mine", "yours")]
        column = EmailNotifier.__table__.c.password
        with db.engine.begin() as connection:
            put(connection, column, mine, raw(connection, column, yours))
    answer = api.get(f"{url}/{mine}")
    assert (answer.status, answer.json) == (500, {"detail": "A server error occurred."})
    assert api.get(f"{url}/{yours}").json["password"] == "yours"


def test_a_secret_that_was_stored_before_secrets_had_places_can_be_read_and_changed(
    app: Flask, api: Api
) -> None:
    url = "/api/notifications/notifiers/sms"
    with app.app_context():
        id_ = SMSNotifierFactory(settings={"token": "new"}).id
        column = SMSNotifier.__table__.c.settings
        with db.engine.begin() as connection:
            put(connection, column, id_, Fernet(ENCRYPTION_KEY).encrypt(b'{"token":"old"}').decode())
    assert api.get(f"{url}/{id_}").json["settings"] == {"token": "old"}
    assert api.patch(f"{url}/{id_}", {"name": "renamed"}).json["settings"] == {"token": "old"}
    changed = api.patch(f"{url}/{id_}", {"settings": {"token": "newer", "number": "50001234"}})
    assert changed.json["settings"]["token"] == "newer"
    with app.app_context(), db.engine.begin() as connection:
        content = Fernet(ENCRYPTION_KEY).decrypt(raw(connection, column, id_))
        assert content.startswith(b"\0sms_notifiers.settings:%d\0{" % id_)


def test_nothing_is_encrypted_that_does_not_know_its_row(app: Flask) -> None:
    with app.app_context(), pytest.raises(StatementError, match="row"):
        autocommit().execute(insert(SMSNotifier.__table__).values(name="n", backend="b", settings={"t": 1}))


def test_objects_stored_together_have_ids_and_secrets_of_their_own(app: Flask) -> None:
    given = {f"n{n}": {"token": f"t{n}"} for n in range(20)}
    with app.app_context():
        with orm_session() as session:
            session.add_all(
                SMSNotifier(name=name, backend="b", settings=token) for name, token in given.items()
            )
        with orm_session() as session:
            assert dict(session.execute(select(SMSNotifier.name, SMSNotifier.settings)).all()) == given


def test_an_id_that_was_taken_before_is_not_given_again(app: Flask) -> None:
    with app.app_context():
        first = SMSNotifierFactory().id
        taken = [with_id(autocommit(), SMSNotifier, {})["id"] for _ in range(3)]
        assert [first, *taken, SMSNotifierFactory().id] == list(range(first, first + 5))


def test_a_change_of_something_else_leaves_the_secret_alone(app: Flask, api: Api) -> None:
    with app.app_context():
        id_ = EmailNotifierFactory().id
        column = EmailNotifier.__table__.c.password
        with db.engine.begin() as connection:
            before = raw(connection, column, id_)
        assert api.patch(f"/api/notifications/notifiers/email/{id_}", {"port": 2525}).status == 200
        with db.engine.begin() as connection:
            assert raw(connection, column, id_) == before


def test_a_secret_of_an_unknown_key_is_named_by_its_place(app: Flask) -> None:
    stranger = Fernet(Fernet.generate_key()).encrypt(b"hunter2").decode()
    with app.app_context(), pytest.raises(InvalidToken, match=r"webhooks\.secret:7") as caught:
        encryption.decrypt(stranger, place("webhooks.secret", 7))
    assert stranger not in str(caught.value)
