"""Users, their permission codes and their tokens."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Dialect,
    ForeignKey,
    Integer,
    String,
    Text,
    TypeDecorator,
    UniqueConstraint,
    cast,
    func,
    literal_column,
    select,
    type_coerce,
)
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
    __table_args__ = (
        CheckConstraint("role IN ('admin', 'staff', 'user')", name="role"),
        UniqueConstraint("name", info={"field": "name", "words": "user with this name already exists."}),
        NO_ID_REUSE,
    )

    name: Mapped[str] = mapped_column(text(255))
    role: Mapped[str] = mapped_column(String(16))
    is_active: Mapped[bool] = mapped_column(default=True)

    permissions: Mapped[list["UserPermission"]] = relationship(
        cascade="all, delete-orphan", passive_deletes=True, order_by="UserPermission.code"
    )
    tokens: Mapped[list["Token"]] = relationship(
        back_populates="user", passive_deletes=True, order_by="Token.id"
    )

    @property
    def codes(self) -> list[int]:
        """The permission codes in rising order; they count while the role is staff."""
        return sorted(permission.code for permission in self.permissions)


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


class _Codes(TypeDecorator[list[int]]):
    """Numbers in one text with commas between them, as a list in rising order."""

    impl = Text
    cache_ok = True

    def process_result_value(self, value: Any | None, _dialect: Dialect) -> list[int]:
        return sorted(int(code) for code in value.split(",")) if value else []


# As a plain text the comma would be put in when the statement runs, which no DriverStatement does.
_comma: Any = literal_column("','")
_codes = select(func.aggregate_strings(cast(UserPermission.code, String), _comma))
CODES_OF_USER = type_coerce(
    _codes.where(UserPermission.user_id == User.id).correlate(User).scalar_subquery(), _Codes()
).label("codes")
"""A user's permission codes as a list, to be selected beside columns of `users`."""


# The kit, which keeps the keys, knows no users: what is theirs goes with them.
_keys_user = table_of(IdempotencyKey).c.user_id
_keys_user.append_foreign_key(ForeignKey(table_of(User).c.id, ondelete="CASCADE"))
