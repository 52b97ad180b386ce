"""What is looked at when a connection is made or taken: do the keys fit, is SQLite's file still there?"""

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
from notifyhub.database.troubles import Trouble, in_one_line, lacks_tables, out_of_reach
from notifyhub.extensions import db

KNOWN_FOR = 10.0
"""Seconds for which keys that fit are not tried again: some connections are made for one request."""


def watch(app: Flask, engine: Engine) -> None:
    """Make no connection to a database that the keys don't fit, use none to a file that is gone."""
    keys: _Keys = app.extensions.setdefault("keys", _Keys(app))
    event.listen(engine, "connect", lambda connection, _record: keys.try_at(connection))
    if engine.dialect.name == "sqlite":
        file = str(engine.url.database)
        event.listen(engine, "connect", lambda _connection, record: record.info.update(file=_identity(file)))
        event.listen(engine, "checkout", lambda _connection, record, _proxy: _check_file(file, record))


def try_keys(app: Flask) -> None:
    """Raise KeysDoNotFit if there is a database and the keys don't fit it; one that is away may come."""
    try:
        with app.app_context(), db.engine.connect():
            pass
    except SQLAlchemyError:
        return


def told(trouble: Trouble, error: Exception) -> bool:
    """Log in one line that the database can't be used now, if an error means that; False if it does not."""
    if isinstance(error, KeysDoNotFit):
        trouble.tell(str(error))
    elif out_of_reach(error):
        trouble.tell(in_one_line(error))
    else:
        return False
    return True


class _Keys:
    """The keys of an application, tried on the first and last secret of each kind that a database has.

    Raises KeysDoNotFit, which closes the connection.
    """

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._known_until = 0.0

    def try_at(self, connection: Any) -> None:
        if time.monotonic() < self._known_until:
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
            self._known_until = time.monotonic() + KNOWN_FOR

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
