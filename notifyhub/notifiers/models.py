"""SMS and email notifiers."""

from typing import Any

from sqlalchemy import CheckConstraint, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from notifyhub.database.base import NO_ID_REUSE
from notifyhub.database.columns import EncryptedObject, EncryptedText, text
from notifyhub.database.confidential import Confidential
from notifyhub.providers.plugins import MAX_NAME_LENGTH


class SMSNotifier(Confidential):
    """An account at a provider of SMS."""

    __tablename__ = "sms_notifiers"
    __table_args__ = (NO_ID_REUSE,)

    name: Mapped[str] = mapped_column(text(255))
    backend: Mapped[str] = mapped_column(String(MAX_NAME_LENGTH))
    settings: Mapped[dict[str, Any] | None] = mapped_column(
        EncryptedObject("sms_notifiers.settings"), default=dict
    )


class EmailNotifier(Confidential):
    """An account at a mail server (SMTP)."""

    __tablename__ = "email_notifiers"
    __table_args__ = (CheckConstraint("port BETWEEN 1 AND 65535", name="port"), NO_ID_REUSE)

    name: Mapped[str] = mapped_column(text(255))
    host: Mapped[str] = mapped_column(text(255))
    port: Mapped[int | None] = mapped_column(Integer)
    username: Mapped[str] = mapped_column(text(255))
    password: Mapped[str] = mapped_column(EncryptedText("email_notifiers.password"))
    from_email: Mapped[str] = mapped_column(text(255))
    use_tls: Mapped[bool] = mapped_column(default=True)
    use_ssl: Mapped[bool] = mapped_column(default=False)
    fail_silently: Mapped[bool] = mapped_column(default=False)
