"""Messages that carry one-time passwords."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

INDEXES = {
    "ix_messages_codes": ["recipient", "created_at"],
    "ix_messages_codes_due": ["next_attempt_at"],
}


def upgrade() -> None:
    op.add_column("messages", sa.Column("otp_id", sa.BigInteger()))
    given = sa.text("otp_id IS NOT NULL")
    for name, columns in INDEXES.items():
        op.create_index(name, "messages", columns, postgresql_where=given, sqlite_where=given)


def downgrade() -> None:
    for name in INDEXES:
        op.drop_index(name, "messages")
    op.drop_column("messages", "otp_id")
