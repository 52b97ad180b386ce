"""Statistics: what has been counted of the messages. Nothing is counted here: the periodic work does."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0019"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "statistics_state",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("counted_until", TIME, nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_statistics_state_only_one")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_statistics_state")),
    )
    op.create_table(
        "statistics_quarters",
        sa.Column("begins_at", TIME, nullable=False),
        sa.Column("is_counted", sa.Boolean(), nullable=False),
        sa.Column("due_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("begins_at", name=op.f("pk_statistics_quarters")),
    )
    op.create_table(
        "statistics_counts",
        sa.Column("id", ID, sa.Identity(), nullable=False),
        sa.Column("quarter", TIME, nullable=False),
        sa.Column("by_pattern", sa.Boolean(), nullable=False),
        sa.Column("is_test", sa.Boolean(), nullable=False),
        sa.Column("channel", sa.String(8), nullable=False),
        sa.Column("notifier_id", sa.BigInteger(), nullable=False),
        sa.Column("pattern_id", sa.BigInteger()),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("messages", sa.BigInteger(), nullable=False),
        sa.Column("segments", sa.BigInteger(), nullable=False),
        sa.Column("sent", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_statistics_counts")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_statistics_counts_quarter", "statistics_counts", ["by_pattern", "quarter"])
    op.create_table(
        "statistics_open_messages",
        sa.Column("message_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("quarter", TIME, nullable=False),
        sa.PrimaryKeyConstraint("message_id", name=op.f("pk_statistics_open_messages")),
    )
    op.create_index("ix_statistics_open_messages_quarter", "statistics_open_messages", ["quarter"])
    state = sa.table("statistics_state", sa.column("id", sa.Integer()), sa.column("counted_until", TIME))
    # As each database keeps a moment: SQLite's are in UTC, without a zone.
    beginning = "2000-01-01 00:00:00.000000"
    if op.get_bind().dialect.name == "postgresql":
        beginning += "+00:00"
    op.execute(state.insert().values(id=1, counted_until=sa.text(f"'{beginning}'")))


def downgrade() -> None:
    for table in (
        "statistics_open_messages",
        "statistics_counts",
        "statistics_quarters",
        "statistics_state",
    ):
        op.drop_table(table)
