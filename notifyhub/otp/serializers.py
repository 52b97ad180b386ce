"""One-time passwords as they go out: without their codes."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, or_, select
from werkzeug.exceptions import NotFound

from notifyhub.database.base import now, table_of
from notifyhub.messages.models import Message
from notifyhub.otp.models import OTP, OTPStatus
from notifyhub.otp.recipients import masked

_otps, _messages = table_of(OTP).c, table_of(Message).c

OTPRow = Row[*tuple[Any, ...]]

COLUMNS = (
    *(_otps.id, _otps.recipient, _otps.channel, _otps.purpose, _otps.status, _otps.expires_at),
    *(_otps.resend_at, _otps.attempts_left, _otps.nonce, _otps.code_len),
)
"""What is shown, and what the code is made of."""

MESSAGE = (
    select(func.max(_messages.id))
    .where(
        _messages.otp_id == _otps.id,
        # So that an index serves.
        or_(_messages.recipient == _otps.recipient, _messages.recipient == _otps.fallback_to),
        _messages.created_at >= _otps.created_at,
    )
    .correlate(table_of(OTP))
    .scalar_subquery()
    .label("message")
)
"""The id of the latest message that carries a one-time password."""


def status_of(row: OTPRow, moment: datetime) -> OTPStatus:
    """Return how far a one-time password has come: of one that is over, it may not be stored yet."""
    if row.status == OTPStatus.PENDING and row.expires_at <= moment:
        return OTPStatus.EXPIRED
    return OTPStatus(row.status)


def shown(row: OTPRow, message: int | None, moment: datetime) -> dict[str, Any]:
    """Return a row of COLUMNS as `OTPSchema` describes it, with the moments left to the encoder."""
    return {
        "id": row.id,
        "to": masked(row.recipient),
        "channel": row.channel,
        "purpose": row.purpose,
        "status": status_of(row, moment),
        "expires_at": row.expires_at,
        "resend_at": row.resend_at,
        "attempts_left": row.attempts_left,
        "message": message,
    }


def read(connection: Connection, id: int, *, test: bool) -> dict[str, Any]:
    """Return a one-time password as it is shown; raises NotFound."""
    row = connection.execute(select(*COLUMNS, MESSAGE).where(_otps.id == id, _otps.is_test == test)).first()
    if row is None:
        raise NotFound
    return shown(row, row.message, now())
