"""SMS and email patterns."""

from enum import StrEnum

from sqlalchemy import BigInteger, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from notifyhub.database.base import NO_ID_REUSE, Timestamped
from notifyhub.database.columns import text


class PatternStatus(StrEnum):
    """How far a pattern's approval by the provider has come."""

    CREATED = "created"
    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"


class SMSPattern(Timestamped):
    """A text with placeholders, at one notifier's provider."""

    __tablename__ = "sms_patterns"
    __table_args__ = (
        UniqueConstraint(
            "notifier_id",
            "name",
            info={"field": "name", "words": "sms pattern with this name already exists."},
        ),
        Index(None, "notifier_id", "id"),
        # To count them: on PostgreSQL it is a quarter as large, and read in three quarters of the time.
        Index(None, "notifier_id"),
        NO_ID_REUSE,
    )

    notifier_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("sms_notifiers.id", ondelete="CASCADE", info={"gone": True})
    )
    status: Mapped[str] = mapped_column(String(16), default=PatternStatus.CREATED)
    name: Mapped[str] = mapped_column(text(255))
    code: Mapped[str] = mapped_column(text(255))
    description: Mapped[str | None] = mapped_column(text())
    body: Mapped[str] = mapped_column(text())


class EmailPattern(Timestamped):
    """A mail with placeholders, for one notifier; without `from_email`, from the sender of that."""

    __tablename__ = "email_patterns"
    __table_args__ = (
        UniqueConstraint(
            "notifier_id",
            "name",
            info={"field": "name", "words": "email pattern with this name already exists."},
        ),
        Index(None, "notifier_id", "id"),
        Index(None, "notifier_id"),  # to count them, as SMS patterns
        NO_ID_REUSE,
    )

    notifier_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("email_notifiers.id", ondelete="CASCADE", info={"gone": True})
    )
    name: Mapped[str] = mapped_column(text(255))
    description: Mapped[str | None] = mapped_column(text())
    from_email: Mapped[str | None] = mapped_column(text(255))
    subject: Mapped[str] = mapped_column(text(255))
    body_text: Mapped[str] = mapped_column(text())
    body_html: Mapped[str | None] = mapped_column(text())
