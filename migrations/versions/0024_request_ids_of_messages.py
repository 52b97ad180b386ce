"""The request that made a message."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

TEXT = sa.String(128).with_variant(sa.String(128, collation="C"), "postgresql")


def upgrade() -> None:
    op.add_column("messages", sa.Column("request_id", TEXT))


def downgrade() -> None:
    op.drop_column("messages", "request_id")
