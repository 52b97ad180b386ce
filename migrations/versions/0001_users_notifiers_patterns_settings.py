"""Users, tokens, notifiers, patterns, settings."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True).with_variant(sa.DateTime(), "sqlite")
NAME = sa.String(255).with_variant(sa.String(255, collation="C"), "postgresql")
TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def identity() -> sa.Column[int]:
    """Return the column of a table's id."""
    return sa.Column(
        "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), sa.Identity(), primary_key=True
    )


def stamps() -> tuple[sa.Column, ...]:
    """Return the columns of the two moments."""
    return (
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
    )


def upgrade() -> None:
    op.create_table(
        "users",
        identity(),
        sa.Column("name", NAME, nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        *stamps(),
        sa.CheckConstraint("role IN ('admin', 'staff', 'user')", name=op.f("ck_users_role")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("name", name=op.f("uq_users_name")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "user_permissions",
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("code", sa.Integer(), autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_user_permissions_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("user_id", "code", name=op.f("pk_user_permissions")),
    )
    op.create_table(
        "tokens",
        identity(),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("prefix", sa.String(8), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("is_test", sa.Boolean(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("created_by", sa.String(255), nullable=False),
        sa.Column("expires_at", MOMENT),
        sa.Column("revoked_at", MOMENT),
        sa.Column("last_used_at", MOMENT),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_tokens_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tokens")),
        sa.UniqueConstraint("digest", name=op.f("uq_tokens_digest")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_tokens_prefix", "tokens", ["prefix"])
    op.create_index("ix_tokens_user_id", "tokens", ["user_id"])
    op.create_table(
        "sms_notifiers",
        identity(),
        sa.Column("name", NAME, nullable=False),
        sa.Column("backend", sa.String(32), nullable=False),
        sa.Column("settings", sa.Text()),
        *stamps(),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sms_notifiers")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "email_notifiers",
        identity(),
        sa.Column("name", NAME, nullable=False),
        sa.Column("host", NAME, nullable=False),
        sa.Column("port", sa.Integer()),
        sa.Column("username", NAME, nullable=False),
        sa.Column("password", sa.Text(), nullable=False),
        sa.Column("from_email", NAME, nullable=False),
        sa.Column("use_tls", sa.Boolean(), nullable=False),
        sa.Column("use_ssl", sa.Boolean(), nullable=False),
        sa.Column("fail_silently", sa.Boolean(), nullable=False),
        *stamps(),
        sa.CheckConstraint("port BETWEEN 1 AND 65535", name=op.f("ck_email_notifiers_port")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_email_notifiers")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "sms_patterns",
        identity(),
        sa.Column("notifier_id", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("name", NAME, nullable=False),
        sa.Column("code", NAME, nullable=False),
        sa.Column("description", TEXT),
        sa.Column("body", TEXT, nullable=False),
        *stamps(),
        sa.ForeignKeyConstraint(
            ["notifier_id"],
            ["sms_notifiers.id"],
            name=op.f("fk_sms_patterns_notifier_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sms_patterns")),
        sa.UniqueConstraint("notifier_id", "name", name=op.f("uq_sms_patterns_notifier_id_name")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_sms_patterns_notifier_id_id", "sms_patterns", ["notifier_id", "id"])
    op.create_table(
        "notification_settings",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False),
        sa.Column("sms_notifier_id", sa.BigInteger()),
        sa.Column("email_notifier_id", sa.BigInteger()),
        sa.Column("otp_code_len", sa.Integer(), nullable=False),
        sa.Column("otp_ttl", sa.Integer(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_notification_settings_only_one")),
        *(
            sa.ForeignKeyConstraint(
                [f"{kind}_notifier_id"],
                [f"{kind}_notifiers.id"],
                name=op.f(f"fk_notification_settings_{kind}_notifier_id"),
                ondelete="RESTRICT",
            )
            for kind in ("sms", "email")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notification_settings")),
    )


def downgrade() -> None:
    for table in (
        "notification_settings",
        "sms_patterns",
        "email_notifiers",
        "sms_notifiers",
        "tokens",
        "user_permissions",
        "users",
    ):
        op.drop_table(table)
