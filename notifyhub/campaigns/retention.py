"""Retention: files, and what they were for, are erased as messages are; drafts are forgotten."""

from datetime import timedelta
from typing import Any

from sqlalchemy import update

from notifyhub.campaigns.models import Campaign, CampaignStatus
from notifyhub.database.base import now, table_of
from notifyhub.database.purge import in_batches, purge
from notifyhub.delivery import policies

DRAFTS_KEPT = timedelta(days=7)
"""How long a file is kept that nobody has had sent."""

_campaigns = table_of(Campaign)


def erase() -> int:
    """Erase the contents of campaigns older than the delivery settings say; return how many."""
    before = now() - timedelta(days=policies.in_force().retention_days)
    old = (
        (_campaigns.c.created_at < before)
        & _campaigns.c.content.is_not(None)
        & _campaigns.c.status.in_((CampaignStatus.SENT, CampaignStatus.STOPPED))
    )
    erased: dict[str, Any] = {"content": None, "settings": {}, "problem": None}
    return in_batches(
        _campaigns,
        old,
        _campaigns.c.created_at,
        lambda connection, ids: connection.execute(
            update(_campaigns).where(_campaigns.c.id.in_(ids)).values(erased)
        ),
    )


def purge_drafts() -> int:
    """Delete drafts that nobody has touched for some days; return how many."""
    old = (_campaigns.c.status == CampaignStatus.DRAFT) & (_campaigns.c.updated_at < now() - DRAFTS_KEPT)
    return purge(_campaigns, old, _campaigns.c.updated_at)
