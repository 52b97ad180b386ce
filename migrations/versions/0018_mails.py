"""Senders, copies, and unsubscribing links of mails; names of pictures in them."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
NAME = sa.String(255).with_variant(sa.String(255, collation="C"), "postgresql")

COLUMNS = (
    ("from_email", NAME),
    ("cc", sa.JSON()),
    ("bcc", sa.JSON()),
    ("unsubscribe_url", TEXT),
)


def upgrade() -> None:
    for name, kind in COLUMNS:
        op.add_column("messages", sa.Column(name, kind))
    op.add_column("message_attachments", sa.Column("content_id", NAME))


def downgrade() -> None:
    op.drop_column("message_attachments", "content_id")
    for name, _ in reversed(COLUMNS):
        op.drop_column("messages", name)
