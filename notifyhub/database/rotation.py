"""Re-encryption of stored secrets under the first key."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import click
from cryptography.fernet import InvalidToken
from sqlalchemy import Column, Table, Text, select, type_coerce, update
from sqlalchemy.orm import Session

from notifyhub.database import encryption, timeouts
from notifyhub.database.columns import place
from notifyhub.database.commands import Commands
from notifyhub.database.confidential import KeysDoNotFit, encrypted_columns
from notifyhub.database.connections import orm_session
from notifyhub.events import publish

BATCH = 500


@dataclass(frozen=True)
class SecretsReencrypted:
    """A secret of each of some rows, given by their ids, was encrypted anew: the same one, by another key."""

    table: Table
    ids: Sequence[int]


keys = Commands("keys", help="The keys that stored secrets are encrypted with.")


@keys.command("rotate")
def rotate() -> None:
    """Re-encrypt all stored secrets under the first of NOTIFYHUB_ENCRYPTION_KEYS."""
    with orm_session() as session:
        timeouts.lift(session.connection())
        count = sum(_rotate(session, column.table, column) for column in encrypted_columns())
    click.echo(f"{count} secrets are encrypted under the first key.")


def _rotate(session: Session, table: Table, column: Column[Any]) -> int:
    """Re-encrypt one column, and no other, in batches by rising id; return how many values it has."""
    stored = type_coerce(column, Text)
    count, last = 0, 0
    page = (
        select(table.c.id, stored)
        .where(column.is_not(None))
        .order_by(table.c.id)
        .limit(BATCH)
        .with_for_update()
    )
    while rows := session.execute(page.where(table.c.id > last)).all():
        for id_, secret in rows:
            where = place(str(column), id_)
            try:
                renewed = encryption.encrypt(encryption.decrypt(secret, where), where)
            except InvalidToken:
                raise KeysDoNotFit(table.name, id_) from None
            change = update(table).where(table.c.id == id_)
            session.execute(change.values({column: type_coerce(renewed, Text), **_kept(table)}))
        publish(session.connection(), SecretsReencrypted(table, [row.id for row in rows]))
        count, last = count + len(rows), rows[-1].id
    return count


def _kept(table: Table) -> dict[Column[Any], Column[Any]]:
    """Return the values that leave a row's moments alone: nothing that can be seen has changed."""
    return {table.c.updated_at: table.c.updated_at} if "updated_at" in table.c else {}
