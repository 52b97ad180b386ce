"""Messages, their attachments, the attempts to send them, and batches."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, Integer, LargeBinary, String, false, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from notifyhub.database import columns
from notifyhub.database.base import ADDED, AFTER_LEASE, NO_ID_REUSE, Identified, Timestamped, now
from notifyhub.database.columns import UTC_TIME
from notifyhub.jobs.leases import Leased


class Channel(StrEnum):
    """The ways to reach a recipient."""

    SMS = "sms"
    EMAIL = "email"


class MessageStatus(StrEnum):
    """How far a message has come. It never goes back, except through a retry."""

    SCHEDULED = "scheduled"
    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


ERASED = ""
"""The recipient of a message whose content is not kept any more."""


class Outcome(StrEnum):
    """How an attempt ended."""

    ACCEPTED = "accepted"
    TEMPORARY = "temporary"
    PERMANENT = "permanent"
    UNCERTAIN = "uncertain"


def _where_given(column: str, name: str, *columns: str) -> Index:
    """Return an index that leaves out the many rows for which a column is null."""
    given = text(f"{column} IS NOT NULL")
    return Index(name, *columns, postgresql_where=given, sqlite_where=given)


class Batch(Identified):
    """Messages that one request made."""

    __tablename__ = "batches"
    __table_args__ = (Index("ix_batches_created", "created_at", "id"), NO_ID_REUSE)

    count: Mapped[int] = mapped_column(Integer)
    created_at: Mapped[datetime] = mapped_column(UTC_TIME, default=now)


class Message(Leased, Timestamped):
    """A message to one recipient. The row is the truth about it; a job only says that it is due.

    Notifiers and patterns are kept with their names, so that the message stays readable without them.
    `home_notifier_id` is the notifier that each round begins with, `notifier_id` the one that took the
    message (until then the same). `report_due_at` is when the provider is asked next for a delivery report.
    `otp_id` is the one-time password that it carries: in `text`, `subject` and `args` stands a mask for each
    of its digits. `otp_client` is who asked for it. `from_email` is the sender that its email pattern gives;
    null: the notifier's own. `request_id` is the request that made it: what is logged of it, and asked of
    its provider, bears that; null if none did. One that `is_alert` is the service's own mail to its
    operators: webhooks are not told of it, and statistics do not count it.
    """

    __tablename__ = "messages"
    __table_args__ = (
        _where_given("next_attempt_at", "ix_messages_due", "next_attempt_at"),
        _where_given("report_due_at", "ix_messages_report_due", "report_due_at"),
        Index("ix_messages_created", "created_at", "id"),
        # The list reads the following in the order of id, one range for each value that a filter leaves open.
        Index("ix_messages_status", "status", "channel", "is_test", "id"),
        Index("ix_messages_recipient", "recipient", "status", "id"),
        Index("ix_messages_notifier", "channel", "notifier_id", "status", "id"),
        _where_given("pattern_id", "ix_messages_pattern", "pattern_id", "status", "id"),
        _where_given("reference", "ix_messages_reference", "reference", "status", "id"),
        _where_given("batch_id", "ix_messages_batch", "batch_id", "status", "id"),
        _where_given("otp_id", "ix_messages_codes", "recipient", "created_at"),
        _where_given("otp_id", "ix_messages_codes_due", "next_attempt_at"),
        _where_given("otp_client", "ix_messages_otp_client", "otp_client", "is_test", "created_at"),
        Index(
            "ix_messages_unerased",
            "created_at",
            postgresql_where=text("recipient <> ''"),
            sqlite_where=text("recipient <> ''"),
        ),
        NO_ID_REUSE,
    )

    channel: Mapped[str] = mapped_column(String(8))
    status: Mapped[str] = mapped_column(String(16))
    recipient: Mapped[str] = mapped_column(columns.text(320))
    notifier_id: Mapped[int] = mapped_column(BigInteger)
    notifier_name: Mapped[str] = mapped_column(columns.text(255))
    home_notifier_id: Mapped[int] = mapped_column(BigInteger)
    pattern_id: Mapped[int | None] = mapped_column(BigInteger)
    pattern_name: Mapped[str | None] = mapped_column(columns.text(255))
    args: Mapped[Any | None] = mapped_column(JSON(none_as_null=True), nullable=True)
    subject: Mapped[str | None] = mapped_column(columns.text())
    text: Mapped[str | None] = mapped_column(columns.text())
    html: Mapped[str | None] = mapped_column(columns.text())
    reply_to: Mapped[str | None] = mapped_column(columns.text(320))
    encoding: Mapped[str | None] = mapped_column(String(8))
    segments: Mapped[int | None] = mapped_column(Integer)
    reference: Mapped[str | None] = mapped_column(columns.text(255))
    client_metadata: Mapped[dict[str, str]] = mapped_column(JSON, default=dict)
    batch_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("batches.id", ondelete="SET NULL"))
    is_test: Mapped[bool] = mapped_column(default=False)
    send_at: Mapped[datetime | None] = mapped_column(UTC_TIME)
    expires_at: Mapped[datetime] = mapped_column(UTC_TIME)
    sent_at: Mapped[datetime | None] = mapped_column(UTC_TIME)
    delivered_at: Mapped[datetime | None] = mapped_column(UTC_TIME)
    provider_message_id: Mapped[str | None] = mapped_column(columns.text(255))
    error_code: Mapped[str | None] = mapped_column(String(64))
    error_detail: Mapped[str | None] = mapped_column(columns.text())

    rounds: Mapped[int] = mapped_column(Integer, default=0)
    report_due_at: Mapped[datetime | None] = mapped_column(UTC_TIME, sort_order=AFTER_LEASE)
    reports_asked: Mapped[int] = mapped_column(Integer, default=0, sort_order=AFTER_LEASE)
    otp_id: Mapped[int | None] = mapped_column(BigInteger, sort_order=ADDED)
    otp_client: Mapped[str | None] = mapped_column(columns.text(128), sort_order=ADDED)
    from_email: Mapped[str | None] = mapped_column(columns.text(255), sort_order=ADDED)
    cc: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True), sort_order=ADDED)
    bcc: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True), sort_order=ADDED)
    unsubscribe_url: Mapped[str | None] = mapped_column(columns.text(), sort_order=ADDED)
    request_id: Mapped[str | None] = mapped_column(columns.text(128), sort_order=ADDED)
    earlier_sent_at: Mapped[datetime | None] = mapped_column(UTC_TIME, sort_order=ADDED)
    is_alert: Mapped[bool] = mapped_column(default=False, server_default=false(), sort_order=ADDED)

    attempts: Mapped[list["Attempt"]] = relationship(passive_deletes=True, order_by="Attempt.id")
    attachments: Mapped[list["MessageAttachment"]] = relationship(
        cascade="all, delete-orphan", passive_deletes=True, order_by="MessageAttachment.id"
    )


class MessageAttachment(Identified):
    """A file that goes with an email."""

    __tablename__ = "message_attachments"
    __table_args__ = (NO_ID_REUSE,)

    message_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("messages.id", ondelete="CASCADE"), index=True
    )
    filename: Mapped[str] = mapped_column(columns.text(255))
    content_type: Mapped[str] = mapped_column(columns.text(255))
    content: Mapped[bytes] = mapped_column(LargeBinary)
    content_id: Mapped[str | None] = mapped_column(columns.text(255))


class Attempt(Identified):
    """One try to hand a message to a notifier's provider; without an outcome it runs, or its worker died."""

    __tablename__ = "attempts"
    __table_args__ = (NO_ID_REUSE,)

    message_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("messages.id", ondelete="CASCADE"), index=True
    )
    round: Mapped[int] = mapped_column(Integer)
    notifier_id: Mapped[int] = mapped_column(BigInteger)
    notifier_name: Mapped[str] = mapped_column(columns.text(255))
    started_at: Mapped[datetime] = mapped_column(UTC_TIME)
    duration_ms: Mapped[int | None] = mapped_column(Integer)
    outcome: Mapped[str | None] = mapped_column(String(16))
    error_code: Mapped[str | None] = mapped_column(String(64))
    error_detail: Mapped[str | None] = mapped_column(columns.text())
