"""Indexes of the lists of batches and of one-time passwords."""

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

INDEXES = (
    ("ix_batches_created", "batches", ["created_at", "id"]),
    ("ix_otps_created", "otps", ["created_at", "id"]),
    ("ix_otps_recipient", "otps", ["recipient", "is_test", "id"]),
    ("ix_otps_status", "otps", ["status", "channel", "is_test", "id"]),
)


def upgrade() -> None:
    for name, table, columns in INDEXES:
        op.create_index(name, table, columns)


def downgrade() -> None:
    for name, table, _ in INDEXES:
        op.drop_index(name, table)
