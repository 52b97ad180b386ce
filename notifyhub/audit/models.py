"""What the audit keeps."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, Index, String
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from notifyhub.auth.models import Token, User
from notifyhub.database.base import NO_ID_REUSE, Base, Identified
from notifyhub.database.columns import UTC_TIME, text
from notifyhub.messages.models import Batch, Message
from notifyhub.notifiers.models import EmailNotifier, SMSNotifier
from notifyhub.patterns.models import EmailPattern, SMSPattern
from notifyhub.settings.models import DeliverySettings, NotificationSettings, OTPSettings
from notifyhub.webhooks.models import Webhook

TYPES: dict[type[Base], str] = {
    SMSNotifier: "sms_notifier",
    EmailNotifier: "email_notifier",
    SMSPattern: "sms_pattern",
    EmailPattern: "email_pattern",
    NotificationSettings: "notification_settings",
    DeliverySettings: "delivery_settings",
    OTPSettings: "otp_settings",
    Webhook: "webhook",
    User: "user",
    Token: "token",
    Message: "message",
    Batch: "batch",
}
"""What the audit calls the objects of a model."""


class Via(StrEnum):
    """Where a change was asked for."""

    API = "api"
    CONSOLE = "console"
    COMMAND = "command"


_BY_USER = sql("actor IS NOT NULL")


class AuditEntry(Identified):
    """Something that somebody has done. It is written with it, and never changed.

    `actor` is a user's name, as it was then; null for a command. `token` has the first characters of the
    token's key. `changes` are JSON: the fields, each with a list of its values before and after.
    """

    __tablename__ = "audit_entries"
    __table_args__ = (
        Index("ix_audit_entries_created", "created_at", "id"),
        Index("ix_audit_entries_object", "object_type", "object_id", "id"),
        Index("ix_audit_entries_actor", "actor", "id", postgresql_where=_BY_USER, sqlite_where=_BY_USER),
        Index("ix_audit_entries_action", "action", "object_type", "id"),
        NO_ID_REUSE,
    )

    created_at: Mapped[datetime] = mapped_column(UTC_TIME)
    actor: Mapped[str | None] = mapped_column(text(255))
    token: Mapped[str | None] = mapped_column(String(8))
    via: Mapped[str] = mapped_column(String(16))
    request_id: Mapped[str | None] = mapped_column(String(128))
    action: Mapped[str] = mapped_column(String(16))
    object_type: Mapped[str] = mapped_column(String(32))
    object_id: Mapped[int | None] = mapped_column(BigInteger)
    object_name: Mapped[str | None] = mapped_column(text(255))
    changes: Mapped[str] = mapped_column(text())
