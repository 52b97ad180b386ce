"""Checks of a connection: do the keys fit the database, is SQLite's file still the same one?"""

import os
import time
from typing import Any

from cryptography.fernet import InvalidToken
from flask import Flask
from sqlalchemy import Column, Engine, event
from sqlalchemy.exc import DisconnectionError, SQLAlchemyError

from notifyhub.database import encryption
from notifyhub.database.columns import place
from notifyhub.database.confidential import KeysDoNotFit, encrypted_columns
from notifyhub.database.outages import OutageLog, in_one_line, is_outage, lacks_tables
from notifyhub.extensions import db

KEYS_TRUSTED_SECONDS = 10.0
"""Keys that fit are not tried again for so long: some connections are made for one request."""


def add_checks(app: Flask, engine: Engine) -> None:
    """Check the keys with each new connection, and SQLite's file each time that a connection is used."""
    keys: _KeyCheck = app.extensions.setdefault("key_check", _KeyCheck(app))
    event.listen(engine, "connect", lambda connection, _record: keys.check(connection))
    if engine.dialect.name == "sqlite":
        file = str(engine.url.database)
        event.listen(engine, "connect", lambda _connection, record: record.info.update(file=_identity(file)))
        event.listen(engine, "checkout", lambda _connection, record, _proxy: _check_file(file, record))


def check_keys(app: Flask) -> None:
    """Raise KeysDoNotFit if the keys don't fit the database; one that can't be reached is no error."""
    try:
        with app.app_context(), db.engine.connect():
            pass
    except SQLAlchemyError:
        return


def log_outage(outages: OutageLog, error: Exception) -> bool:
    """Log an error in one line if it means that the database can't be used now; False if it does not."""
    if isinstance(error, KeysDoNotFit):
        outages.warn(str(error))
    elif is_outage(error):
        outages.warn(in_one_line(error))
    else:
        return False
    return True


class _KeyCheck:
    """Tries an application's keys on the first and last secret of each encrypted column."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._trusted_until = 0.0

    def check(self, connection: Any) -> None:
        """Close the connection and raise KeysDoNotFit if a secret can't be read."""
        if time.monotonic() < self._trusted_until:
            return
        try:
            for column in encrypted_columns():
                self._try(connection.cursor(), column)
        except KeysDoNotFit:
            connection.close()
            raise
        except Exception as error:
            connection.rollback()
            if not lacks_tables(error):
                raise
        else:
            connection.rollback()
            self._trusted_until = time.monotonic() + KEYS_TRUSTED_SECONDS

    def _try(self, cursor: Any, column: Column[Any]) -> None:
        table, name = column.table.name, column.name
        for end in ("ASC", "DESC"):
            words = f"WHERE {name} IS NOT NULL ORDER BY id {end} LIMIT 1"
            cursor.execute(f"SELECT id, {name} FROM {table} {words}")  # noqa: S608 - names of the models'
            for row, stored in cursor.fetchall():
                try:
                    encryption.read(self._app, stored, place(str(column), row))
                except InvalidToken:
                    raise KeysDoNotFit(table, row) from None
        cursor.close()


def _identity(file: str) -> tuple[int, int] | None:
    try:
        found = os.stat(file)  # noqa: PTH116 - for each request: a Path takes twice the time
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _check_file(file: str, record: Any) -> None:
    """Have another connection made if the file is another one; that fails if it is gone.

    What is written to a file that was deleted is lost with the last connection to it.
    """
    if (found := _identity(file)) is None or found != record.info["file"]:
        raise DisconnectionError
