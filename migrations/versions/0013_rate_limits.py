"""How fast each notifier may be called."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "rate_limits",
        sa.Column("channel", sa.String(8), nullable=False),
        sa.Column("notifier_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("last_place", sa.BigInteger(), nullable=False),
        sa.Column("next_return", sa.BigInteger(), nullable=False),
        sa.Column("slow_interval", sa.BigInteger(), nullable=False),
        sa.Column("paused_until", sa.BigInteger()),
        sa.Column("refusals", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("channel", "notifier_id", name=op.f("pk_rate_limits")),
    )


def downgrade() -> None:
    op.drop_table("rate_limits")
