"""The token of a lease, and until when a circuit breaker is open, are called so."""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

RENAMED = [
    ("messages", "lease", "lease_token"),
    ("webhook_deliveries", "lease", "lease_token"),
    ("circuit_breakers", "rests_until", "open_until"),
]


def upgrade() -> None:
    for table, before, after in RENAMED:
        op.alter_column(table, before, new_column_name=after)


def downgrade() -> None:
    for table, before, after in RENAMED:
        op.alter_column(table, after, new_column_name=before)
