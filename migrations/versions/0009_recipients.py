"""Mail addresses get their one form; texts go to the countries that the settings name; clients of codes.

An installation that has sent texts abroad goes on sending to any country; every other one sends to Iran, as a
new one does. Codes are left as they are: they live for minutes.
"""

from collections.abc import Callable

import sqlalchemy as sa
from alembic import op

from notifyhub.text.addresses import InvalidAddress, normalize_address, normalize_mailbox

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

DEFAULTS = {
    "id": 1,
    "sms_backup_notifiers": [],
    "email_backup_notifiers": [],
    "max_attempts": 5,
    "retry_delays": [5, 30, 120, 600],
    "message_ttl": 86_400,
    "retention_days": 90,
    "resend_uncertain": True,
}
SOME = 10_000
CLIENT = sa.String(128).with_variant(sa.String(128, collation="C"), "postgresql")

delivery = sa.table(
    "delivery_settings",
    *(sa.column(name) for name in ("id", "max_attempts", "message_ttl", "retention_days")),
    *(sa.column(name, sa.JSON) for name in ("sms_backup_notifiers", "email_backup_notifiers")),
    *(sa.column(name, sa.JSON) for name in ("retry_delays", "sms_countries")),
    sa.column("resend_uncertain", sa.Boolean),
)
messages = sa.table(
    "messages",
    sa.column("id", sa.BigInteger),
    sa.column("channel", sa.String),
    *(sa.column(name, sa.String(320)) for name in ("recipient", "reply_to")),
)
notifiers = sa.table(
    "email_notifiers", sa.column("id", sa.BigInteger), sa.column("from_email", sa.String(255))
)


def upgrade() -> None:
    op.add_column(
        "delivery_settings", sa.Column("sms_countries", sa.JSON(), nullable=False, server_default='["IR"]')
    )
    op.add_column(
        "otp_settings",
        sa.Column("max_per_client_hour", sa.Integer(), nullable=False, server_default="20"),
    )
    op.add_column("messages", sa.Column("otp_client", CLIENT))
    given = sa.text("otp_client IS NOT NULL")
    op.create_index(
        "ix_messages_otp_client",
        "messages",
        ["otp_client", "is_test", "created_at"],
        postgresql_where=given,
        sqlite_where=given,
    )
    keep_sending_abroad(op.get_bind())
    for column, normalize in (
        (messages.c.recipient, normalize_address),
        (messages.c.reply_to, normalize_mailbox),
        (notifiers.c.from_email, normalize_mailbox),
    ):
        give_one_form(op.get_bind(), column, normalize)


def downgrade() -> None:
    op.drop_index("ix_messages_otp_client", "messages")
    op.drop_column("messages", "otp_client")
    op.drop_column("otp_settings", "max_per_client_hour")
    op.drop_column("delivery_settings", "sms_countries")


def keep_sending_abroad(connection: sa.Connection) -> None:
    abroad = sa.select(messages.c.recipient).where(
        messages.c.channel == "sms", messages.c.recipient != "", messages.c.recipient.not_like("+98%")
    )
    if connection.execute(abroad.limit(1)).first() is None:
        return
    if not connection.execute(delivery.update().values(sms_countries=[])).rowcount:
        connection.execute(delivery.insert().values(**DEFAULTS, sms_countries=[]))


def give_one_form(
    connection: sa.Connection, column: sa.ColumnClause[str], normalize: Callable[[str], str]
) -> None:
    """Rewrite the addresses of a column whose domain is not ASCII in lower case already.

    What is none by the present rules stays as it is. Rows are read once and changed by their ids, some at a
    time: by their addresses, of which there may be as many as messages, each would be looked for in all of them.
    """
    table = column.table
    otherwise = column.like("%@%") & column.regexp_match("[^ -~]|@.*[A-Z]")
    some = sa.select(table.c.id, column).where(otherwise).order_by(table.c.id).limit(SOME)
    change = (
        table.update().where(table.c.id == sa.bindparam("row")).values({column.name: sa.bindparam("one")})
    )
    last = 0
    while rows := connection.execute(some.where(table.c.id > last)).all():
        last = rows[-1].id
        forms = [(row, given, one_form(given, normalize)) for row, given in rows]
        changes = [
            {"row": row, "one": one}
            for row, given, one in forms
            if one != given and len(one) <= column.type.length
        ]
        if changes:
            connection.execute(change, changes)


def one_form(given: str, normalize: Callable[[str], str]) -> str:
    try:
        return normalize(given)
    except InvalidAddress:
        return given
