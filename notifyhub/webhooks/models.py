"""Webhooks, and what is delivered to them."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, Integer, String, text
from sqlalchemy.orm import Mapped, mapped_column

from notifyhub.database import columns
from notifyhub.database.base import AFTER_LEASE, NO_ID_REUSE, Timestamped
from notifyhub.database.columns import UTC_TIME, EncryptedObject
from notifyhub.database.confidential import Confidential
from notifyhub.jobs.leases import Leased


class Event(StrEnum):
    """What a webhook can ask for. The word before the point is the kind of object."""

    MESSAGE_SENT = "message.sent"
    MESSAGE_DELIVERED = "message.delivered"
    MESSAGE_UNDELIVERED = "message.undelivered"
    MESSAGE_FAILED = "message.failed"
    PATTERN_STATUS_CHANGED = "pattern.status_changed"
    OTP_VERIFIED = "otp.verified"
    NOTIFIER_RESTING = "notifier.resting"
    NOTIFIER_RECOVERED = "notifier.recovered"
    NOTIFIER_CREDIT_LOW = "notifier.credit_low"
    WEBHOOK_DISABLED = "webhook.disabled"
    WORKER_MISSING = "worker.missing"
    WORKER_RECOVERED = "worker.recovered"
    SCHEDULER_MISSING = "scheduler.missing"
    SCHEDULER_RECOVERED = "scheduler.recovered"


TEST = "webhook.test"
"""The event by which a client tries its receiver: it goes to one webhook, whatever that asks for."""


class DeliveryStatus(StrEnum):
    """How far a delivery has come."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


class Webhook(Confidential):
    """A URL that events are sent to.

    `secret` holds the secret that signs, and those that sign along since it was rotated; see `signatures`.
    `failing_since` is when the first delivery failed after the last one that succeeded.
    """

    __tablename__ = "webhooks"
    __table_args__ = (NO_ID_REUSE,)

    url: Mapped[str] = mapped_column(columns.text(255))
    events: Mapped[list[str]] = mapped_column(JSON)
    secret: Mapped[dict[str, Any]] = mapped_column(EncryptedObject("webhooks.secret"))
    is_active: Mapped[bool] = mapped_column(default=True)
    disabled_reason: Mapped[str | None] = mapped_column(columns.text())
    failing_since: Mapped[datetime | None] = mapped_column(UTC_TIME)


_PENDING = text("next_attempt_at IS NOT NULL")


class WebhookDelivery(Leased, Timestamped):
    """An event that is sent to a webhook until its receiver has taken it. The row is the truth.

    `uid` is the event's id for receivers, the same in all of its deliveries. `sequence` orders the events of
    an object; null, where it is the delivery's own id. `data` is the event's as it is sent, JSON.
    `next_attempt_at` is null unless it is pending; `object_id` is null where no order has to be kept.
    """

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        Index("ix_webhook_deliveries_list", "webhook_id", "status", "id"),
        Index("ix_webhook_deliveries_created", "created_at", "id"),
        Index(
            "ix_webhook_deliveries_due", "next_attempt_at", postgresql_where=_PENDING, sqlite_where=_PENDING
        ),
        Index(
            "ix_webhook_deliveries_object",
            "webhook_id",
            "kind",
            "object_id",
            postgresql_where=_PENDING,
            sqlite_where=_PENDING,
        ),
        NO_ID_REUSE,
    )

    webhook_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("webhooks.id", ondelete="CASCADE", info={"gone": True})
    )
    event: Mapped[str] = mapped_column(String(32))
    kind: Mapped[str] = mapped_column(String(16))
    object_id: Mapped[int | None] = mapped_column(BigInteger)
    uid: Mapped[str] = mapped_column(String(40))
    sequence: Mapped[int | None] = mapped_column(BigInteger)
    data: Mapped[str] = mapped_column(columns.text())
    happened_at: Mapped[datetime] = mapped_column(UTC_TIME)
    status: Mapped[str] = mapped_column(String(16), default=DeliveryStatus.PENDING)
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    response_status: Mapped[int | None] = mapped_column(Integer, sort_order=AFTER_LEASE)
    response_body: Mapped[str | None] = mapped_column(columns.text(), sort_order=AFTER_LEASE)
    error: Mapped[str | None] = mapped_column(columns.text(), sort_order=AFTER_LEASE)
    duration_ms: Mapped[int | None] = mapped_column(Integer, sort_order=AFTER_LEASE)
