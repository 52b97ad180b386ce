"""What is encrypted says to which table, column and row it belongs."""

from collections.abc import Callable

import sqlalchemy as sa
from alembic import op
from cryptography.fernet import Fernet, MultiFernet
from flask import current_app

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

SECRETS = {"sms_notifiers": "settings", "email_notifiers": "password", "webhooks": "secret"}


def rewrite(convert: Callable[[bytes, bytes], bytes]) -> None:
    """Encrypt anew what `convert` makes of each secret and of its place."""
    cipher = MultiFernet([Fernet(key) for key in current_app.config["ENCRYPTION_KEYS"]])
    for name, column in SECRETS.items():
        table = sa.table(name, sa.column("id", sa.BigInteger), sa.column(column, sa.Text))
        stored = sa.select(table.c.id, table.c[column]).where(table.c[column].is_not(None))
        for row, secret in op.get_bind().execute(stored).all():
            plain = convert(cipher.decrypt(secret), f"{name}.{column}:{row}".encode())
            change = table.update().where(table.c.id == row)
            op.execute(change.values({column: cipher.encrypt(plain).decode()}))


def bind(secret: bytes, place: bytes) -> bytes:
    """Return a secret with its place in front, between null characters, which no secret begins with."""
    return secret if secret.startswith(b"\0") else b"\0" + place + b"\0" + secret


def free(secret: bytes, _place: bytes) -> bytes:
    """Return a secret without its place."""
    return secret[1:].partition(b"\0")[2] if secret.startswith(b"\0") else secret


def upgrade() -> None:
    rewrite(bind)


def downgrade() -> None:
    rewrite(free)
