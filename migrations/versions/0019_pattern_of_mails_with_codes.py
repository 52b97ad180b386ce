"""The email pattern that mails with one-time passwords are sent by.

SQLite adds no constraint to a table: there the table, of one row, is built anew.
"""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

COLUMN = "email_pattern_id"
FOREIGN_KEY = "fk_otp_settings_email_pattern_id"


def upgrade() -> None:
    with op.batch_alter_table("otp_settings") as settings:
        settings.add_column(sa.Column(COLUMN, sa.BigInteger()))
        settings.create_foreign_key(
            op.f(FOREIGN_KEY), "email_patterns", [COLUMN], ["id"], ondelete="RESTRICT"
        )


def downgrade() -> None:
    with op.batch_alter_table("otp_settings") as settings:
        settings.drop_constraint(op.f(FOREIGN_KEY), type_="foreignkey")
        settings.drop_column(COLUMN)
