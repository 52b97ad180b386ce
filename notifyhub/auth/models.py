"""Users, their permission codes and their tokens."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Integer, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from notifyhub.api.idempotency import IdempotencyKey
from notifyhub.database.base import NO_ID_REUSE, Base, Identified, Timestamped, now, table_of
from notifyhub.database.columns import UTC_TIME, text


class Role(StrEnum):
    """What a user may do: all, what codes name, nothing."""

    ADMIN = "admin"
    STAFF = "staff"
    USER = "user"


class User(Timestamped):
    """Somebody, or some program, that calls the API."""

    __tablename__ = "users"
    __table_args__ = (CheckConstraint("role IN ('admin', 'staff', 'user')", name="role"), NO_ID_REUSE)

    name: Mapped[str] = mapped_column(text(255), unique=True)
    role: Mapped[str] = mapped_column(String(16))
    is_active: Mapped[bool] = mapped_column(default=True)

    permissions: Mapped[list["UserPermission"]] = relationship(
        cascade="all, delete-orphan", passive_deletes=True, order_by="UserPermission.code"
    )
    tokens: Mapped[list["Token"]] = relationship(
        back_populates="user", passive_deletes=True, order_by="Token.id"
    )


class UserPermission(Base):
    """A permission code that a member of staff has."""

    __tablename__ = "user_permissions"

    user_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True
    )
    code: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)


class Token(Identified):
    """A key to the API. Only its SHA-256 is kept, and its first characters, to tell tokens apart."""

    __tablename__ = "tokens"
    __table_args__ = (NO_ID_REUSE,)

    user_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("users.id", ondelete="CASCADE"), index=True)
    prefix: Mapped[str] = mapped_column(String(8), index=True)
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    is_test: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(UTC_TIME, default=now)
    created_by: Mapped[str] = mapped_column(String(255))
    expires_at: Mapped[datetime | None] = mapped_column(UTC_TIME)
    revoked_at: Mapped[datetime | None] = mapped_column(UTC_TIME)
    last_used_at: Mapped[datetime | None] = mapped_column(UTC_TIME)
    label: Mapped[str | None] = mapped_column(String(255))

    user: Mapped[User] = relationship(back_populates="tokens")


# The kit, which keeps the keys, knows no users: what is theirs goes with them.
_keys_user = table_of(IdempotencyKey).c.user_id
_keys_user.append_foreign_key(ForeignKey(table_of(User).c.id, ondelete="CASCADE"))
