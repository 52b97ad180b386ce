"""Cancelling: a pending code is taken back; a message of it that waits finds that out when it is sent."""

from typing import Any

from sqlalchemy import Connection, update
from werkzeug.exceptions import Conflict

from notifyhub.database.base import now, table_of
from notifyhub.otp.models import OTP, OTPStatus
from notifyhub.otp.serializers import read

_otps = table_of(OTP).c
_CANCEL = update(table_of(OTP)).where(_otps.status == OTPStatus.PENDING).values(status=OTPStatus.CANCELLED)


def cancel(connection: Connection, id: int, *, test: bool) -> dict[str, Any]:
    """Cancel a pending one-time password; return it as it is shown. Raises NotFound, or Conflict."""
    this = (_otps.id == id, _otps.is_test == test, _otps.expires_at > now())
    cancelled = connection.execute(_CANCEL.where(*this)).rowcount
    shown = read(connection, id, test=test)
    if not cancelled:
        words = f"This one-time password is {shown['status']}: only one that is pending can be cancelled."
        raise Conflict(words)
    return shown
