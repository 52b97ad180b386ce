"""One-time passwords."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import Index, Integer, LargeBinary, String, text
from sqlalchemy.orm import Mapped, mapped_column

from notifyhub.database import columns
from notifyhub.database.base import NO_ID_REUSE, Timestamped
from notifyhub.database.columns import UTC_TIME


class OTPStatus(StrEnum):
    """How far a one-time password has come; all but the first are final.

    ::

        request ──► pending ──► verified    by the right code
                     │   ▲ ├──► blocked     by the last wrong guess
                     └───┘ ├──► cancelled   by POST …/cancel
                 requested └──► expired     when its term is over
                     again
    """

    PENDING = "pending"
    VERIFIED = "verified"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    BLOCKED = "blocked"


DEFAULT_PURPOSE = "login"


class OTP(Timestamped):
    """A one-time password of a recipient for a purpose, of which one at a time is pending.

    Its code is made of its id and its `nonce`. One that is over by its `expires_at` may still be stored as
    pending. `fallback_used` says whether the fallback of the latest request was sent.
    """

    __tablename__ = "otps"
    __table_args__ = (
        Index("ix_otps_latest", "recipient", "purpose", "is_test", "id"),
        Index("ix_otps_created", "created_at", "id"),
        # The list reads these two in the order of id, one range for each value that a filter leaves open.
        Index("ix_otps_recipient", "recipient", "is_test", "id"),
        Index("ix_otps_status", "status", "channel", "is_test", "id"),
        Index(
            "ix_otps_pending",
            "recipient",
            "purpose",
            "is_test",
            unique=True,
            postgresql_where=text("status = 'pending'"),
            sqlite_where=text("status = 'pending'"),
        ),
        Index("ix_otps_expires_at", "expires_at"),
        NO_ID_REUSE,
    )

    recipient: Mapped[str] = mapped_column(columns.text(320))
    purpose: Mapped[str] = mapped_column(columns.text(64))
    is_test: Mapped[bool]
    status: Mapped[str] = mapped_column(String(16))
    channel: Mapped[str] = mapped_column(String(8))
    origin: Mapped[str | None] = mapped_column(columns.text(255))
    fallback_channel: Mapped[str | None] = mapped_column(String(8))
    fallback_to: Mapped[str | None] = mapped_column(columns.text(320))
    fallback_used: Mapped[bool]
    nonce: Mapped[bytes] = mapped_column(LargeBinary(16))
    code_len: Mapped[int] = mapped_column(Integer)
    attempts_left: Mapped[int] = mapped_column(Integer)
    expires_at: Mapped[datetime] = mapped_column(UTC_TIME)
    resend_at: Mapped[datetime] = mapped_column(UTC_TIME)
