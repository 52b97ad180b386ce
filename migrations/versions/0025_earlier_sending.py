"""When a message was sent before it was retried: statistics count it as sent all the same."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("messages", sa.Column("earlier_sent_at", TIME))


def downgrade() -> None:
    op.drop_column("messages", "earlier_sent_at")
