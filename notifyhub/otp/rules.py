"""What the settings say about one-time passwords, and the limits that they set for each recipient."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Integer,
    Select,
    bindparam,
    func,
    literal,
    null,
    select,
    true,
)

from notifyhub.database.base import table_of
from notifyhub.messages.models import Message
from notifyhub.settings.models import NotificationSettings, OTPSettings

HOUR = timedelta(hours=1)

_general, _own, _messages = table_of(NotificationSettings), table_of(OTPSettings), table_of(Message).c


@dataclass(frozen=True)
class Rules:
    """The settings, those of the code itself included."""

    code_len: int
    ttl: timedelta
    sms_pattern: int | None
    sms_text: str
    email_subject: str
    email_text: str
    max_attempts: int
    cooldown: timedelta
    max_per_hour: int


def _or_default(column: Column[int] | Column[str]) -> ColumnElement[Any]:
    """Return a column of settings that nobody has read or changed yet."""
    return func.coalesce(column, literal(column.default.arg))  # type: ignore[union-attr]


_none = select(null().label("blank")).subquery()
_RULES = select(
    _or_default(_general.c.otp_code_len),
    _or_default(_general.c.otp_ttl),
    _own.c.sms_pattern_id,
    *map(_or_default, (_own.c.sms_text, _own.c.email_subject, _own.c.email_text)),
    *map(_or_default, (_own.c.max_attempts, _own.c.resend_cooldown, _own.c.max_per_hour)),
).select_from(_none.outerjoin(_general, true()).outerjoin(_own, true()))

_LOCKED = _RULES.add_columns(func.pg_advisory_xact_lock(func.hashtextextended(bindparam("name"), 0)))


def lock(connection: Connection, recipient: str, *, test: bool) -> Rules:
    """Have the rest of the transaction to itself as far as a recipient is concerned; return the rules.

    On SQLite no two transactions write at a time anyway.
    """
    statement = _LOCKED if connection.dialect.name == "postgresql" else _RULES
    name = f"one-time passwords {test} {recipient}"
    row = connection.execute(statement, {"name": name}).one()
    code_len, ttl, pattern, sms_text, subject, email_text, attempts, cooldown, per_hour, *_ = row
    return Rules(
        code_len=code_len,
        ttl=timedelta(seconds=ttl),
        sms_pattern=pattern,
        sms_text=sms_text,
        email_subject=subject,
        email_text=email_text,
        max_attempts=attempts,
        cooldown=timedelta(seconds=cooldown),
        max_per_hour=per_hour,
    )


CROWDED: Select[tuple[datetime]] = (
    select(_messages.created_at)
    .where(
        _messages.otp_id.is_not(None),
        _messages.recipient == bindparam("to"),
        _messages.is_test == bindparam("test"),
        _messages.created_at > bindparam("hour_ago", type_=_messages.created_at.type),
    )
    .order_by(_messages.created_at.desc())
    .offset(bindparam("others", type_=Integer))
    .limit(1)
)
"""When that code was sent which has to become an hour old before its recipient may get a further one.

Where there is none, the limit is not reached. It takes the values of `crowd`.
"""


def crowd(rules: Rules, recipient: str, moment: datetime, *, test: bool) -> dict[str, Any]:
    """Return what CROWDED asks for: codes of all purposes count, and those that were sent again."""
    return {"to": recipient, "test": test, "hour_ago": moment - HOUR, "others": rules.max_per_hour - 1}
