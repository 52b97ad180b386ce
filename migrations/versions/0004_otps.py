"""One-time passwords and their settings."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


MOMENT = sa.DateTime(timezone=True).with_variant(sa.DateTime(), "sqlite")
TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def line(length: int) -> sa.String:
    """Return the type of a text of bounded length."""
    return sa.String(length).with_variant(sa.String(length, collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "otp_settings",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False),
        sa.Column("sms_pattern_id", sa.BigInteger()),
        sa.Column("sms_text", TEXT, nullable=False),
        sa.Column("email_subject", line(255), nullable=False),
        sa.Column("email_text", TEXT, nullable=False),
        sa.Column("max_attempts", sa.Integer(), nullable=False),
        sa.Column("resend_cooldown", sa.Integer(), nullable=False),
        sa.Column("max_per_hour", sa.Integer(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_otp_settings_only_one")),
        sa.ForeignKeyConstraint(
            ["sms_pattern_id"],
            ["sms_patterns.id"],
            name=op.f("fk_otp_settings_sms_pattern_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_otp_settings")),
    )
    op.create_table(
        "otps",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), sa.Identity(), primary_key=True
        ),
        sa.Column("recipient", line(320), nullable=False),
        sa.Column("purpose", line(64), nullable=False),
        sa.Column("is_test", sa.Boolean(), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("channel", sa.String(8), nullable=False),
        sa.Column("origin", line(255)),
        sa.Column("fallback_channel", sa.String(8)),
        sa.Column("fallback_to", line(320)),
        sa.Column("fallback_used", sa.Boolean(), nullable=False),
        sa.Column("nonce", sa.LargeBinary(16), nullable=False),
        sa.Column("code_len", sa.Integer(), nullable=False),
        sa.Column("attempts_left", sa.Integer(), nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("resend_at", MOMENT, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_otps")),
        sqlite_autoincrement=True,
    )
    pending = sa.text("status = 'pending'")
    op.create_index("ix_otps_latest", "otps", ["recipient", "purpose", "is_test", "id"])
    op.create_index(
        "ix_otps_pending",
        "otps",
        ["recipient", "purpose", "is_test"],
        unique=True,
        postgresql_where=pending,
        sqlite_where=pending,
    )
    op.create_index("ix_otps_expires_at", "otps", ["expires_at"])


def downgrade() -> None:
    op.drop_table("otps")
    op.drop_table("otp_settings")
