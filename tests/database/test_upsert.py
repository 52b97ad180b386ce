"""A row is inserted, or the one with its key is changed."""

from flask import Flask
from sqlalchemy import select

from notifyhub.database.base import table_of
from notifyhub.database.connections import autocommit
from notifyhub.database.upsert import upsert
from notifyhub.settings.models import NotificationSettings

SETTINGS = table_of(NotificationSettings)


def test_of_two_rows_with_one_key_the_second_changes_the_first(app: Flask) -> None:
    with app.app_context():
        connection = autocommit()
        connection.execute(SETTINGS.delete())
        for ttl, code_len in ((60, 6), (70, 7)):
            values = {"id": 1, "otp_ttl": ttl, "otp_code_len": code_len}
            connection.execute(
                upsert(connection, SETTINGS, values, key=["id"], changes={"otp_ttl": SETTINGS.c.otp_ttl + 1})
            )
        assert connection.execute(select(SETTINGS.c.otp_ttl, SETTINGS.c.otp_code_len)).all() == [(61, 6)]
