"""The settings: one row each."""

from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, Integer
from sqlalchemy.orm import Mapped, mapped_column

from notifyhub.database.base import SingletonRow
from notifyhub.database.columns import text


def _notifier(kind: str) -> Any:
    """Return a reference to the default notifier of a kind. While it stands the notifier can't be deleted."""
    column = f"{kind}_notifier_id"
    info = {
        "field": f"notifications_{kind}_notifier",
        "words": f'Invalid pk "{{{column}}}" - object does not exist.',
        "in_use": "This notifier is the default one in the notification settings.",
    }
    return mapped_column(BigInteger, ForeignKey(f"{kind}_notifiers.id", ondelete="RESTRICT", info=info))


class NotificationSettings(SingletonRow):
    """The notifiers that messages go through by default, and the shape of one-time passwords."""

    __tablename__ = "notification_settings"

    sms_notifier_id: Mapped[int | None] = _notifier("sms")
    email_notifier_id: Mapped[int | None] = _notifier("email")
    otp_code_len: Mapped[int] = mapped_column(Integer, default=5)
    otp_ttl: Mapped[int] = mapped_column(Integer, default=120)


SMS_COUNTRIES = ("IR",)
"""The countries that texts go to at first."""


class DeliverySettings(SingletonRow):
    """How hard a message is tried. Delays and lifetimes are in seconds."""

    __tablename__ = "delivery_settings"

    sms_backup_notifiers: Mapped[list[int]] = mapped_column(JSON, default=list)
    email_backup_notifiers: Mapped[list[int]] = mapped_column(JSON, default=list)
    max_attempts: Mapped[int] = mapped_column(Integer, default=5)
    retry_delays: Mapped[list[int]] = mapped_column(JSON, default=lambda: [5, 30, 120, 600])
    message_ttl: Mapped[int] = mapped_column(Integer, default=86_400)
    retention_days: Mapped[int] = mapped_column(Integer, default=90)
    resend_uncertain: Mapped[bool] = mapped_column(default=True)
    sms_countries: Mapped[list[str]] = mapped_column(
        JSON, default=lambda: [*SMS_COUNTRIES], server_default='["IR"]'
    )


SMS_TEXT = "کد تأیید شما: {code}\nتا {minutes} دقیقه معتبر است."
EMAIL_SUBJECT = "کد تأیید شما"
EMAIL_TEXT = f"{SMS_TEXT}\n\nاگر شما این کد را نخواسته‌اید، این نامه را نادیده بگیرید."


class OTPSettings(SingletonRow):
    """How one-time passwords are worded and limited. The cool-down is in seconds."""

    __tablename__ = "otp_settings"

    sms_pattern_id: Mapped[int | None] = mapped_column(
        BigInteger,
        ForeignKey(
            "sms_patterns.id",
            ondelete="RESTRICT",
            info={
                "field": "otp_sms_pattern",
                "words": 'Invalid pk "{sms_pattern_id}" - object does not exist.',
                "in_use": "The settings of one-time passwords name this pattern, or one of this notifier.",
            },
        ),
    )
    sms_text: Mapped[str] = mapped_column(text(), default=SMS_TEXT)
    email_subject: Mapped[str] = mapped_column(text(255), default=EMAIL_SUBJECT)
    email_text: Mapped[str] = mapped_column(text(), default=EMAIL_TEXT)
    max_attempts: Mapped[int] = mapped_column(Integer, default=5)
    resend_cooldown: Mapped[int] = mapped_column(Integer, default=60)
    max_per_hour: Mapped[int] = mapped_column(Integer, default=5)
    max_per_client_hour: Mapped[int] = mapped_column(Integer, default=20, server_default="20")
