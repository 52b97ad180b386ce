"""How far campaigns have come: their messages by status, and the list of all."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from marshmallow import Schema

from notifyhub.api.pagination.cursor import CursorListing
from notifyhub.campaigns import storage
from notifyhub.campaigns.models import Campaign
from notifyhub.database.base import table_of
from notifyhub.database.connections import autocommit
from notifyhub.messages import batches
from notifyhub.messages.models import MessageStatus

_campaigns = table_of(Campaign)
_FACTS = [column for column in storage.FACTS if column.name != "settings"]


def statuses(found: Sequence[dict[str, Any]]) -> dict[str, int]:
    """Return the number of messages in each status in some batches, in the order of a message's life."""
    counts: Counter[str] = Counter()
    for batch in found:
        counts.update(batch["statuses"])
    return {status.value: counts[status] for status in MessageStatus if status in counts}


class CampaignSerializer:
    """A serializer that counts the messages of all its rows in one statement."""

    schema = Schema()
    columns = _FACTS

    def encode(self, rows: Sequence[Sequence[Any]]) -> list[dict[str, Any]]:
        campaigns = [{column.name: value for column, value in zip(_FACTS, row, strict=False)} for row in rows]
        by_campaign = storage.batch_ids(autocommit(), [one["id"] for one in campaigns])
        ids = [batch_id for found in by_campaign.values() for batch_id in found]
        by_id = {batch["id"]: batch for batch in batches.read_all(sorted(ids))}
        for one in campaigns:
            one["statuses"] = statuses([by_id[batch_id] for batch_id in by_campaign[one["id"]]])
        return campaigns


listing = CursorListing(_campaigns, CampaignSerializer(), filters={}, indexes=())
