"""An index to count a notifier's patterns by."""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_sms_patterns_notifier_id", "sms_patterns", ["notifier_id"])


def downgrade() -> None:
    op.drop_index("ix_sms_patterns_notifier_id", "sms_patterns")
