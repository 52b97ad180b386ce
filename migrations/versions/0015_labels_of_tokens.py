"""What a token is for, in its owner's words."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("tokens", sa.Column("label", sa.String(255)))


def downgrade() -> None:
    op.drop_column("tokens", "label")
