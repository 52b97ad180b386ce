"""One-time passwords as responses show them: without their codes."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, or_, select

from notifyhub.api.resource import or_404
from notifyhub.database.base import now, table_of
from notifyhub.messages.models import Message
from notifyhub.otp.models import OTP, OTPStatus
from notifyhub.otp.recipients import mask_recipient

_otps, _messages = table_of(OTP).c, table_of(Message).c

OTPRow = Row[*tuple[Any, ...]]

_SHOWN = (
    *(_otps.id, _otps.recipient, _otps.channel, _otps.purpose, _otps.status, _otps.expires_at),
    *(_otps.resend_at, _otps.attempts_left),
)
COLUMNS = (*_SHOWN, _otps.nonce, _otps.code_len)
"""What `serialize` takes, and what the code is made of."""

MESSAGE = (
    select(func.max(_messages.id))
    .where(
        _messages.otp_id == _otps.id,
        # So that the index ix_messages_codes serves.
        or_(_messages.recipient == _otps.recipient, _messages.recipient == _otps.fallback_to),
        _messages.created_at >= _otps.created_at,
    )
    .correlate(table_of(OTP))
    .scalar_subquery()
    .label("message_id")
)
"""The id of the latest message that carries a one-time password."""

LISTED = (*_SHOWN, MESSAGE)
"""What `listed` takes: nothing that a code is made of."""


def current_status(row: OTPRow, moment: datetime) -> OTPStatus:
    """Return the status of a one-time password: that its term is over may not be stored yet."""
    if row.status == OTPStatus.PENDING and row.expires_at <= moment:
        return OTPStatus.EXPIRED
    return OTPStatus(row.status)


def serialize(row: OTPRow, message_id: int | None, moment: datetime) -> dict[str, Any]:
    """Return a row of COLUMNS as `OTPSchema` describes it, its moments not encoded yet."""
    return {
        "id": row.id,
        "to": mask_recipient(row.recipient),
        "channel": row.channel,
        "purpose": row.purpose,
        "status": current_status(row, moment),
        "expires_at": row.expires_at,
        "resend_at": row.resend_at,
        "attempts_left": row.attempts_left,
        "message": message_id,
    }


def listed(row: Any) -> dict[str, Any]:
    """Return a row of LISTED as `serialize` does."""
    return serialize(row, row.message_id, now())


def read_otp(connection: Connection, id: int, *, test: bool) -> dict[str, Any]:
    """Return a one-time password as `OTPSchema` describes it; raises NotFound."""
    selected = select(*LISTED).where(_otps.id == id, _otps.is_test == test)
    return listed(or_404(connection.execute(selected).first()))
