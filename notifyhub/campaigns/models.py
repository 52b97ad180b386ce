"""Campaigns, and the batches that each has become."""

from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, Integer, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from notifyhub.database import columns
from notifyhub.database.base import NO_ID_REUSE, Identified, Timestamped


class CampaignStatus(StrEnum):
    """How far a campaign has come."""

    DRAFT = "draft"
    SENDING = "sending"
    SENT = "sent"
    STOPPED = "stopped"


class Campaign(Timestamped):
    """A file of recipients, and what they are to be sent.

    `created_by` is the name of who has sent the file, then of who has confirmed it. `settings` are as
    `storage.Settings` has them. `content` has the file's rows, and once it is confirmed which of them make up
    which batch; null: erased. `count` and `segments` are those of the messages that were confirmed. `problem`
    is why a campaign was stopped by itself. All batches of one that is `sending` are stored in the end,
    whatever dies meanwhile; once they are, it is `sent`.
    """

    __tablename__ = "campaigns"
    __table_args__ = (Index("ix_campaigns_created", "created_at", "id"), NO_ID_REUSE)

    name: Mapped[str] = mapped_column(columns.text(255))
    created_by: Mapped[str] = mapped_column(columns.text(255))
    status: Mapped[str] = mapped_column(String(16), default=CampaignStatus.DRAFT)
    is_test: Mapped[bool] = mapped_column(default=False)
    settings: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    content: Mapped[bytes | None] = mapped_column(LargeBinary)
    count: Mapped[int | None] = mapped_column(Integer)
    segments: Mapped[int | None] = mapped_column(Integer)
    problem: Mapped[str | None] = mapped_column(columns.text())


class CampaignBatch(Identified):
    """A batch of a campaign. It is stored with its messages, so that no number is sent twice."""

    __tablename__ = "campaign_batches"
    __table_args__ = (UniqueConstraint("campaign_id", "number"), NO_ID_REUSE)

    campaign_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("campaigns.id", ondelete="CASCADE"))
    number: Mapped[int] = mapped_column(Integer)
    batch_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("batches.id"), unique=True)
