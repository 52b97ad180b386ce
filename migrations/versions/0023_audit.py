"""Who has changed what, when, and from where."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_BY_USER = sa.text("actor IS NOT NULL")


def text(length: int | None = None) -> sa.types.TypeEngine[str]:
    plain = sa.String(length) if length else sa.Text()
    collated = sa.String(length, collation="C") if length else sa.Text(collation="C")
    return plain.with_variant(collated, "postgresql")


def upgrade() -> None:
    op.create_table(
        "audit_entries",
        sa.Column("id", ID, sa.Identity(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", text(255)),
        sa.Column("token", sa.String(8)),
        sa.Column("via", sa.String(16), nullable=False),
        sa.Column("request_id", sa.String(128)),
        sa.Column("action", sa.String(16), nullable=False),
        sa.Column("object_type", sa.String(32), nullable=False),
        sa.Column("object_id", sa.BigInteger()),
        sa.Column("object_name", text(255)),
        sa.Column("changes", text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_entries")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_audit_entries_created", "audit_entries", ["created_at", "id"])
    op.create_index("ix_audit_entries_object", "audit_entries", ["object_type", "object_id", "id"])
    op.create_index(
        "ix_audit_entries_actor",
        "audit_entries",
        ["actor", "id"],
        postgresql_where=_BY_USER,
        sqlite_where=_BY_USER,
    )
    op.create_index("ix_audit_entries_action", "audit_entries", ["action", "object_type", "id"])


def downgrade() -> None:
    op.drop_table("audit_entries")
