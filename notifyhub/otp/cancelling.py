"""Cancelling: a pending code is taken back; a message of it that waits finds that out when it is sent."""

from typing import Any, NoReturn

from sqlalchemy import Connection, update
from werkzeug.exceptions import Conflict

from notifyhub.database.base import now, table_of
from notifyhub.otp.models import OTP, Status
from notifyhub.otp.representation import COLUMNS, MESSAGE, read, shown

_otps = table_of(OTP).c
_CANCEL = (
    update(table_of(OTP))
    .where(_otps.status == Status.PENDING)
    .values(status=Status.CANCELLED)
    .returning(*COLUMNS, MESSAGE)
)


def cancel(connection: Connection, id: int, *, test: bool) -> dict[str, Any]:
    """Cancel a pending one-time password; return it as it is shown. Raises NotFound, or Conflict."""
    moment = now()
    this = (_otps.id == id) & (_otps.is_test == test)
    row = connection.execute(_CANCEL.where(this, _otps.expires_at > moment)).first()
    return shown(row, row.message, moment) if row else _refuse(connection, id, test=test)


def _refuse(connection: Connection, id: int, *, test: bool) -> NoReturn:
    status = read(connection, id, test=test)["status"]
    raise Conflict(f"This one-time password is {status}: only one that is pending can be cancelled.")
