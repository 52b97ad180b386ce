"""The settings: one row."""

from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Integer
from sqlalchemy.orm import Mapped, mapped_column

from notifyhub.database.base import ID, Base

ONLY_ID = 1


def _notifier(kind: str) -> Any:
    """Return a reference to the default notifier of a kind. While it stands the notifier can't be deleted."""
    column = f"{kind}_notifier_id"
    info = {
        "field": f"notifications_{kind}_notifier",
        "words": f'Invalid pk "{{{column}}}" - object does not exist.',
        "in_use": "This notifier is the default one in the notification settings.",
    }
    return mapped_column(BigInteger, ForeignKey(f"{kind}_notifiers.id", ondelete="RESTRICT", info=info))


class NotificationSettings(Base):
    """The notifiers that messages go through by default, and the shape of one-time passwords."""

    __tablename__ = "notification_settings"
    __table_args__ = (CheckConstraint(f"id = {ONLY_ID}", name="only_one"),)

    id: Mapped[int] = mapped_column(ID, primary_key=True, autoincrement=False, default=ONLY_ID)
    sms_notifier_id: Mapped[int | None] = _notifier("sms")
    email_notifier_id: Mapped[int | None] = _notifier("email")
    otp_code_len: Mapped[int] = mapped_column(Integer, default=5)
    otp_ttl: Mapped[int] = mapped_column(Integer, default=120)
