"""Who delivers and how well: workers, figures and credits of notifiers, alarms; settings of what is told."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0019"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)


def text(length: int | None = None) -> sa.types.TypeEngine[str]:
    plain = sa.String(length) if length else sa.Text()
    collated = sa.String(length, collation="C") if length else sa.Text(collation="C")
    return plain.with_variant(collated, "postgresql")


SETTINGS = (
    sa.Column("credit_low", sa.Double()),
    sa.Column("alert_email", text(320)),
    sa.Column("audit_days", sa.Integer(), nullable=False, server_default="365"),
)


def notifier() -> list[sa.Column]:
    return [
        sa.Column("channel", sa.String(8), nullable=False),
        sa.Column("notifier_id", sa.BigInteger(), autoincrement=False, nullable=False),
    ]


def upgrade() -> None:
    for column in SETTINGS:
        op.add_column("delivery_settings", column._copy())
    op.add_column(
        "circuit_breakers", sa.Column("is_probed", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.create_table(
        "workers",
        sa.Column("process", sa.String(32), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("name", text(255), nullable=False),
        sa.Column("queues", sa.JSON(), nullable=False),
        sa.Column("host", text(255), nullable=False),
        sa.Column("version", text(64), nullable=False),
        sa.Column("started_at", TIME, nullable=False),
        sa.Column("last_seen_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("process", "role", name=op.f("pk_workers")),
    )
    op.create_table(
        "alarms",
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("since", TIME, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_alarms")),
    )
    op.create_table(
        "notifier_minutes",
        sa.Column("minute", sa.Integer(), autoincrement=False, nullable=False),
        *notifier(),
        sa.Column("counted", sa.String(16), nullable=False),
        sa.Column("ms", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint(
            *("minute", "channel", "notifier_id", "counted", "ms"), name=op.f("pk_notifier_minutes")
        ),
    )
    op.create_table(
        "notifier_latest",
        *notifier(),
        sa.Column("accepted_at", TIME),
        sa.Column("failed_at", TIME),
        sa.Column("error_code", sa.String(64)),
        sa.Column("error_detail", text()),
        sa.PrimaryKeyConstraint("channel", "notifier_id", name=op.f("pk_notifier_latest")),
    )
    op.create_table(
        "notifier_credits",
        sa.Column("notifier_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("asked_at", TIME, nullable=False),
        sa.Column("amount", sa.Double()),
        sa.Column("read_at", TIME),
        sa.Column("is_low", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.PrimaryKeyConstraint("notifier_id", name=op.f("pk_notifier_credits")),
    )


def downgrade() -> None:
    for table in ("notifier_credits", "notifier_latest", "notifier_minutes", "alarms", "workers"):
        op.drop_table(table)
    op.drop_column("circuit_breakers", "is_probed")
    for column in reversed(SETTINGS):
        op.drop_column("delivery_settings", column.name)
