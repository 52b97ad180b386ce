"""The settings: one row each, which a migration inserts with the values of a new installation."""

from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, Integer
from sqlalchemy.orm import Mapped, mapped_column

from notifyhub.database.base import ADDED, SingletonRow
from notifyhub.database.columns import NUMBER, text


def _notifier(kind: str) -> Any:
    """Return a reference to the default notifier of a kind. While it stands the notifier can't be deleted."""
    column = f"{kind}_notifier_id"
    info = {
        "field": f"notifications_{kind}_notifier",
        "words": f'Invalid pk "{{{column}}}" - object does not exist.',
        "in_use": "This notifier is the default one in the notification settings.",
    }
    return mapped_column(BigInteger, ForeignKey(f"{kind}_notifiers.id", ondelete="RESTRICT", info=info))


def _pattern(kind: str, **options: Any) -> Any:
    """Return a reference to the pattern that codes go by. While it stands the pattern can't be deleted."""
    column = f"{kind}_pattern_id"
    info = {
        "field": f"otp_{kind}_pattern",
        "words": f'Invalid pk "{{{column}}}" - object does not exist.',
        "in_use": "The settings of one-time passwords name this pattern, or one of this notifier.",
    }
    key = ForeignKey(f"{kind}_patterns.id", ondelete="RESTRICT", info=info)
    return mapped_column(BigInteger, key, **options)


class NotificationSettings(SingletonRow):
    """The notifiers that messages go through by default, and the shape of one-time passwords."""

    __tablename__ = "notification_settings"

    sms_notifier_id: Mapped[int | None] = _notifier("sms")
    email_notifier_id: Mapped[int | None] = _notifier("email")
    otp_code_len: Mapped[int] = mapped_column(Integer)
    otp_ttl: Mapped[int] = mapped_column(Integer)


class DeliverySettings(SingletonRow):
    """How hard a message is tried. Delays and lifetimes are in seconds."""

    __tablename__ = "delivery_settings"

    sms_backup_notifiers: Mapped[list[int]] = mapped_column(JSON)
    email_backup_notifiers: Mapped[list[int]] = mapped_column(JSON)
    max_attempts: Mapped[int] = mapped_column(Integer)
    retry_delays: Mapped[list[int]] = mapped_column(JSON)
    message_ttl: Mapped[int] = mapped_column(Integer)
    retention_days: Mapped[int] = mapped_column(Integer)
    resend_uncertain: Mapped[bool] = mapped_column()
    sms_countries: Mapped[list[str]] = mapped_column(JSON, server_default='["IR"]')
    sms_batch_size: Mapped[int] = mapped_column(Integer, server_default="100")
    credit_low: Mapped[float | None] = mapped_column(NUMBER)
    alert_email: Mapped[str | None] = mapped_column(text(320))
    audit_days: Mapped[int] = mapped_column(Integer, server_default="365")


class OTPSettings(SingletonRow):
    """How one-time passwords are worded and limited. The cool-down is in seconds."""

    __tablename__ = "otp_settings"

    sms_pattern_id: Mapped[int | None] = _pattern("sms")
    sms_text: Mapped[str] = mapped_column(text())
    email_subject: Mapped[str] = mapped_column(text(255))
    email_text: Mapped[str] = mapped_column(text())
    max_attempts: Mapped[int] = mapped_column(Integer)
    resend_cooldown: Mapped[int] = mapped_column(Integer)
    max_per_hour: Mapped[int] = mapped_column(Integer)
    max_per_client_hour: Mapped[int] = mapped_column(Integer, server_default="20")
    email_pattern_id: Mapped[int | None] = _pattern("email", sort_order=ADDED)
