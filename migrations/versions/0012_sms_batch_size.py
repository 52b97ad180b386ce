"""How many texts go to a provider in one call."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "delivery_settings", sa.Column("sms_batch_size", sa.Integer(), nullable=False, server_default="100")
    )


def downgrade() -> None:
    op.drop_column("delivery_settings", "sms_batch_size")
