"""Messages, attempts, batches, remembered answers; delivery settings, circuit breakers."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


MOMENT = sa.DateTime(timezone=True).with_variant(sa.DateTime(), "sqlite")
TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def line(length: int) -> sa.String:
    """Return the type of a text of bounded length."""
    return sa.String(length).with_variant(sa.String(length, collation="C"), "postgresql")


def identity() -> sa.Column[int]:
    """Return the column of a table's id."""
    return sa.Column(
        "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), sa.Identity(), primary_key=True
    )


def upgrade() -> None:
    op.create_table(
        "batches",
        identity(),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_batches")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "circuit_breakers",
        sa.Column("channel", sa.String(8), nullable=False),
        sa.Column("notifier_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("rests_until", MOMENT),
        sa.PrimaryKeyConstraint("channel", "notifier_id", name=op.f("pk_circuit_breakers")),
    )
    op.create_table(
        "delivery_settings",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False),
        sa.Column("sms_backup_notifiers", sa.JSON(), nullable=False),
        sa.Column("email_backup_notifiers", sa.JSON(), nullable=False),
        sa.Column("max_attempts", sa.Integer(), nullable=False),
        sa.Column("retry_delays", sa.JSON(), nullable=False),
        sa.Column("message_ttl", sa.Integer(), nullable=False),
        sa.Column("retention_days", sa.Integer(), nullable=False),
        sa.Column("resend_uncertain", sa.Boolean(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_delivery_settings_only_one")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery_settings")),
    )
    op.create_table(
        "idempotency_keys",
        identity(),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("key", line(255), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("answer", TEXT, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_idempotency_keys_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_idempotency_keys")),
        sa.UniqueConstraint("user_id", "key", name=op.f("uq_idempotency_keys_user_id_key")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_idempotency_keys_created_at", "idempotency_keys", ["created_at"])

    op.create_table(
        "messages",
        identity(),
        sa.Column("channel", sa.String(8), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("recipient", line(320), nullable=False),
        sa.Column("notifier_id", sa.BigInteger(), nullable=False),
        sa.Column("notifier_name", line(255), nullable=False),
        sa.Column("home_notifier_id", sa.BigInteger(), nullable=False),
        sa.Column("pattern_id", sa.BigInteger()),
        sa.Column("pattern_name", line(255)),
        sa.Column("args", sa.JSON()),
        sa.Column("subject", TEXT),
        sa.Column("text", TEXT),
        sa.Column("html", TEXT),
        sa.Column("reply_to", line(320)),
        sa.Column("encoding", sa.String(8)),
        sa.Column("segments", sa.Integer()),
        sa.Column("reference", line(255)),
        sa.Column("client_metadata", sa.JSON(), nullable=False),
        sa.Column("batch_id", sa.BigInteger()),
        sa.Column("is_test", sa.Boolean(), nullable=False),
        sa.Column("send_at", MOMENT),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("sent_at", MOMENT),
        sa.Column("delivered_at", MOMENT),
        sa.Column("provider_message_id", line(255)),
        sa.Column("error_code", sa.String(64)),
        sa.Column("error_detail", TEXT),
        sa.Column("rounds", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", MOMENT),
        sa.Column("enqueued_at", MOMENT),
        sa.Column("lease", sa.String(32)),
        sa.Column("lease_until", MOMENT),
        sa.Column("report_due_at", MOMENT),
        sa.Column("reports_asked", sa.Integer(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["batch_id"], ["batches.id"], name=op.f("fk_messages_batch_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_messages")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_messages_due", "messages", ["next_attempt_at"])
    op.create_index("ix_messages_report_due", "messages", ["report_due_at"])
    op.create_index("ix_messages_created", "messages", ["created_at", "id"])
    op.create_index("ix_messages_status", "messages", ["status", "channel", "is_test", "id"])
    op.create_index("ix_messages_recipient", "messages", ["recipient", "status", "id"])
    op.create_index("ix_messages_notifier", "messages", ["channel", "notifier_id", "status", "id"])
    for name, column in (("pattern", "pattern_id"), ("reference", "reference"), ("batch", "batch_id")):
        given = sa.text(f"{column} IS NOT NULL")
        op.create_index(
            f"ix_messages_{name}",
            "messages",
            [column, "status", "id"],
            postgresql_where=given,
            sqlite_where=given,
        )
    op.create_index(
        "ix_messages_unerased",
        "messages",
        ["created_at"],
        postgresql_where=sa.text("recipient <> ''"),
        sqlite_where=sa.text("recipient <> ''"),
    )

    op.create_table(
        "attempts",
        identity(),
        sa.Column("message_id", sa.BigInteger(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("notifier_id", sa.BigInteger(), nullable=False),
        sa.Column("notifier_name", line(255), nullable=False),
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column("duration_ms", sa.Integer()),
        sa.Column("outcome", sa.String(16)),
        sa.Column("error_code", sa.String(64)),
        sa.Column("error_detail", TEXT),
        sa.ForeignKeyConstraint(
            ["message_id"], ["messages.id"], name=op.f("fk_attempts_message_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attempts")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_attempts_message_id", "attempts", ["message_id"])

    op.create_table(
        "message_attachments",
        identity(),
        sa.Column("message_id", sa.BigInteger(), nullable=False),
        sa.Column("filename", line(255), nullable=False),
        sa.Column("content_type", line(255), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["message_id"],
            ["messages.id"],
            name=op.f("fk_message_attachments_message_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_message_attachments")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_message_attachments_message_id", "message_attachments", ["message_id"])


def downgrade() -> None:
    for table in (
        "message_attachments",
        "attempts",
        "messages",
        "idempotency_keys",
        "delivery_settings",
        "circuit_breakers",
        "batches",
    ):
        op.drop_table(table)
