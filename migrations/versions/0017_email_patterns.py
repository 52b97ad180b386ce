"""Email patterns.

On the way back the grants of their permission codes go, too: 2841 to 2843 were those of messages once, and
become that again further back.
"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

CODES = (2841, 2842, 2843, 2844)

NAME = sa.String(255).with_variant(sa.String(255, collation="C"), "postgresql")
TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
MOMENT = sa.DateTime(timezone=True).with_variant(sa.DateTime(), "sqlite")
ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

grants = sa.table("user_permissions", sa.column("code", sa.Integer))


def upgrade() -> None:
    op.create_table(
        "email_patterns",
        sa.Column("id", ID, sa.Identity(), primary_key=True),
        sa.Column("notifier_id", sa.BigInteger(), nullable=False),
        sa.Column("name", NAME, nullable=False),
        sa.Column("description", TEXT),
        sa.Column("from_email", NAME),
        sa.Column("subject", NAME, nullable=False),
        sa.Column("body_text", TEXT, nullable=False),
        sa.Column("body_html", TEXT),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["notifier_id"],
            ["email_notifiers.id"],
            name=op.f("fk_email_patterns_notifier_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_email_patterns")),
        sa.UniqueConstraint("notifier_id", "name", name=op.f("uq_email_patterns_notifier_id_name")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_email_patterns_notifier_id_id", "email_patterns", ["notifier_id", "id"])
    op.create_index("ix_email_patterns_notifier_id", "email_patterns", ["notifier_id"])


def downgrade() -> None:
    op.drop_table("email_patterns")
    op.execute(grants.delete().where(grants.c.code.in_(CODES)))
