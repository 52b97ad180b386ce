"""The permission codes of messages, one-time passwords and webhooks leave those of the documented API alone."""

from collections.abc import Mapping

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

MOVED = {
    2841: 7811,
    2842: 7812,
    2843: 7813,
    2851: 7821,
    2852: 7822,
    2853: 7823,
    2854: 7824,
    2861: 7831,
    2862: 7832,
    2863: 7833,
    2864: 7834,
}

grants = sa.table("user_permissions", sa.column("code", sa.Integer))


def move(codes: Mapping[int, int]) -> None:
    """Give whoever has one of the codes the other one instead."""
    op.execute(
        grants.update().where(grants.c.code.in_(list(codes))).values(code=sa.case(codes, value=grants.c.code))
    )


def upgrade() -> None:
    move(MOVED)


def downgrade() -> None:
    move({new: old for old, new in MOVED.items()})
