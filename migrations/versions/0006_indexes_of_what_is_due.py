"""The indexes of messages that are due leave out the many that are not."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

INDEXES = {"ix_messages_due": "next_attempt_at", "ix_messages_report_due": "report_due_at"}


def upgrade() -> None:
    for name, column in INDEXES.items():
        op.drop_index(name, "messages")
        given = sa.text(f"{column} IS NOT NULL")
        op.create_index(name, "messages", [column], postgresql_where=given, sqlite_where=given)


def downgrade() -> None:
    for name, column in INDEXES.items():
        op.drop_index(name, "messages")
        op.create_index(name, "messages", [column])
