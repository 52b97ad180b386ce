"""Verifying: a guess is counted and checked by one conditional UPDATE, however many come at once."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, bindparam, case, select, update

from notifyhub.database.base import now, table_of
from notifyhub.database.connections import autocommit, transaction
from notifyhub.delivery import listeners
from notifyhub.otp import signals
from notifyhub.otp.codes import is_right
from notifyhub.otp.models import OTP, Status
from notifyhub.otp.recipients import canonical, channel_of
from notifyhub.otp.representation import COLUMNS, MESSAGE, OTPRow, shown, status_of

_otps = table_of(OTP).c


class Reason(StrEnum):
    """Why a guess did not verify a one-time password."""

    WRONG_CODE = "wrong_code"
    EXPIRED = "expired"
    TOO_MANY_ATTEMPTS = "too_many_attempts"
    ALREADY_USED = "already_used"
    CANCELLED = "cancelled"
    NOT_FOUND = "not_found"


_OVER = {
    Status.VERIFIED: Reason.ALREADY_USED,
    Status.EXPIRED: Reason.EXPIRED,
    Status.CANCELLED: Reason.CANCELLED,
    Status.BLOCKED: Reason.TOO_MANY_ATTEMPTS,
}

_GUESS = (
    update(table_of(OTP))
    .where(
        _otps.id == bindparam("this"),
        _otps.status == Status.PENDING,
        _otps.attempts_left > 0,
        _otps.expires_at > bindparam("at", type_=_otps.expires_at.type),
    )
    .returning(*COLUMNS)
)
_ACCEPT = _GUESS.values(status=Status.VERIFIED)
_REFUSE = _GUESS.values(
    attempts_left=_otps.attempts_left - 1,
    status=case((_otps.attempts_left == 1, Status.BLOCKED), else_=Status.PENDING),
)


def verify(asked: Mapping[str, Any], *, test: bool) -> dict[str, Any]:
    """Return what a guess, read by its schema, comes to, as `VerificationSchema` describes it."""
    row = _find(autocommit(), asked, test=test)
    if row is None:
        return _answer(Reason.NOT_FOUND, 0)
    moment = now()
    if over := _OVER.get(status_of(row, moment)):
        return _answer(over, row.attempts_left)
    right = is_right(row, asked["code"])
    guessed = _accept(row, moment) if right else autocommit().execute(_REFUSE, _this(row, moment)).first()
    if guessed is not None:
        return _answer(None if right else Reason.WRONG_CODE, guessed.attempts_left)
    return _beaten(row, moment)


def _find(connection: Connection, asked: Mapping[str, Any], *, test: bool) -> OTPRow | None:
    """Return the one-time password that a guess is about: the latest, where it names no id.

    `heard` tells whether somebody wants to be told of it.
    """
    found = select(*COLUMNS, listeners.listening.label("heard")).where(_otps.is_test == test)
    if "to" in asked:
        found = found.where(_otps.recipient == canonical(channel_of(asked["to"]), asked["to"]))
    if "id" in asked:
        return connection.execute(found.where(_otps.id == asked["id"])).first()
    found = found.where(_otps.purpose == asked["purpose"]).order_by(_otps.id.desc()).limit(1)
    return connection.execute(found).first()


def _accept(row: OTPRow, moment: datetime) -> OTPRow | None:
    if not row.heard:
        return autocommit().execute(_ACCEPT, _this(row, moment)).first()
    with transaction() as session:
        connection = session.connection()
        verified = connection.execute(_ACCEPT, _this(row, moment)).first()
        if verified is None:
            return None
        message = connection.scalar(select(MESSAGE).where(_otps.id == row.id))
        afterwards = signals.tell(connection, shown(verified, message, moment), test=row.is_test)
    for act in afterwards:
        act()
    return verified


def _beaten(row: OTPRow, moment: datetime) -> dict[str, Any]:
    """Return what a guess comes to that others were faster than."""
    found = autocommit().execute(select(*COLUMNS).where(_otps.id == row.id)).first()
    if found is None:
        return _answer(Reason.NOT_FOUND, 0)
    return _answer(_OVER.get(status_of(found, moment), Reason.EXPIRED), found.attempts_left)


def _this(row: OTPRow, moment: datetime) -> dict[str, Any]:
    return {"this": row.id, "at": moment}


def _answer(reason: Reason | None, attempts_left: int) -> dict[str, Any]:
    return {"verified": reason is None, "reason": reason, "attempts_left": attempts_left}
