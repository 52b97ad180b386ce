"""Campaigns as they are stored, from the file to the last batch."""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Connection, delete, insert, select, update

from notifyhub.campaigns.models import Campaign, CampaignBatch, CampaignStatus
from notifyhub.campaigns.recipient_files.table import Row
from notifyhub.database.base import now, table_of

_campaigns, _batches = table_of(Campaign), table_of(CampaignBatch)

FACTS = tuple(column for column in _campaigns.c if column.name != "content")
"""What a campaign is known by; its content is read where it is needed alone."""


@dataclass(frozen=True)
class Settings:
    """What is sent, and which columns it is taken from, counted from 0.

    `common` is what all messages share, as `SharedMessageSchema` reads it. `args` are the columns of the
    pattern's placeholders, in its list order. With `once` a recipient gets one message, however often the
    file has them.
    """

    common: dict[str, Any] = field(default_factory=dict)
    header: bool = True
    recipient: int | None = None
    args: list[int] = field(default_factory=list)
    once: bool = True


class Content(NamedTuple):
    """The rows of a campaign's file; once it is confirmed, the places of the rows of each batch."""

    rows: list[Row]
    batches: list[list[int]]

    def pack(self) -> bytes:
        """Return it as it is stored."""
        return zlib.compress(orjson.dumps({"rows": self.rows, "batches": self.batches}, default=tuple))

    @classmethod
    def unpack(cls, packed: bytes) -> "Content":
        """Read what `pack` has written."""
        stored = orjson.loads(zlib.decompress(packed))
        rows = [Row(number, tuple(cells)) for number, cells in stored["rows"]]
        return cls(rows, stored["batches"])


def create(connection: Connection, name: str, created_by: str, rows: list[Row], settings: Settings) -> int:
    """Store a draft; return its id."""
    values = {
        "name": name,
        "created_by": created_by,
        "settings": asdict(settings),
        "content": Content(rows, []).pack(),
    }
    return int(connection.execute(insert(_campaigns).values(values).returning(_campaigns.c.id)).scalar_one())


def read(connection: Connection, id: int) -> Any:
    """Return the row of a campaign without its content, None if there is none."""
    return connection.execute(select(*FACTS).where(_campaigns.c.id == id)).first()


def settings_of(row: Any) -> Settings:
    """Return the settings of a campaign's row."""
    return Settings(**row.settings)


def read_content(connection: Connection, id: int) -> Content | None:
    """Return a campaign's content, None if it is erased."""
    packed = connection.execute(select(_campaigns.c.content).where(_campaigns.c.id == id)).scalar()
    return None if packed is None else Content.unpack(packed)


def change_draft(connection: Connection, id: int, values: Mapping[str, Any]) -> bool:
    """Change a campaign that is not confirmed; return whether it is still so."""
    draft = (_campaigns.c.id == id) & (_campaigns.c.status == CampaignStatus.DRAFT)
    changed = update(_campaigns).where(draft).values(**values, updated_at=now())
    return connection.execute(changed.returning(_campaigns.c.id)).first() is not None


def delete_draft(connection: Connection, id: int) -> None:
    """Delete a campaign that is not confirmed."""
    draft = (_campaigns.c.id == id) & (_campaigns.c.status == CampaignStatus.DRAFT)
    connection.execute(delete(_campaigns).where(draft))


def batch_ids(connection: Connection, ids: Sequence[int]) -> dict[int, list[int]]:
    """Return the ids of the batches of campaigns, in their order, by the campaign's id."""
    found: dict[int, list[int]] = {campaign_id: [] for campaign_id in ids}
    stored = select(_batches.c.campaign_id, _batches.c.batch_id).where(_batches.c.campaign_id.in_(ids))
    for row in connection.execute(stored.order_by(_batches.c.campaign_id, _batches.c.number)):
        found[row.campaign_id].append(row.batch_id)
    return found


def names_of_batches(connection: Connection, batch_ids: Sequence[int]) -> dict[int, Any]:
    """Return id and name of the campaigns that batches belong to, by the batch's id; not of others."""
    named = select(_batches.c.batch_id, _campaigns.c.id, _campaigns.c.name).join_from(_batches, _campaigns)
    return {row.batch_id: row for row in connection.execute(named.where(_batches.c.batch_id.in_(batch_ids)))}
