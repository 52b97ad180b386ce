"""Cancellation of a pending code. Its message, if it waits still, fails when it comes to be sent."""

from typing import Any

from sqlalchemy import Connection, update
from werkzeug.exceptions import Conflict

from notifyhub.database.base import now, table_of
from notifyhub.otp.models import OTP, OTPStatus
from notifyhub.otp.serializers import read_otp

_otps = table_of(OTP).c
_CANCEL = update(table_of(OTP)).where(_otps.status == OTPStatus.PENDING).values(status=OTPStatus.CANCELLED)


def cancel(connection: Connection, id: int, *, test: bool) -> dict[str, Any]:
    """Cancel a pending one-time password; return it as `OTPSchema` describes it.

    Raises NotFound, or Conflict if it is not pending.
    """
    conditions = (_otps.id == id, _otps.is_test == test, _otps.expires_at > now())
    cancelled = connection.execute(_CANCEL.where(*conditions)).rowcount
    response = read_otp(connection, id, test=test)
    if not cancelled:
        words = f"This one-time password is {response['status']}: only one that is pending can be cancelled."
        raise Conflict(words)
    return response
