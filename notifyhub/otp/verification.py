"""Verifying: a guess is counted and checked by one conditional UPDATE, however many come at once."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any

from sqlalchemy import Select, bindparam, case, select, update

from notifyhub.database.base import now, table_of
from notifyhub.database.connections import autocommit, transaction
from notifyhub.events import publish
from notifyhub.otp.codes import is_right
from notifyhub.otp.events import OTPVerified
from notifyhub.otp.models import DEFAULT_PURPOSE, OTP, OTPStatus
from notifyhub.otp.recipients import canonical, channel_of
from notifyhub.otp.serializers import OTPRow, read, status_of

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
    OTPStatus.VERIFIED: Reason.ALREADY_USED,
    OTPStatus.EXPIRED: Reason.EXPIRED,
    OTPStatus.CANCELLED: Reason.CANCELLED,
    OTPStatus.BLOCKED: Reason.TOO_MANY_ATTEMPTS,
}

_FOUND = (_otps.id, _otps.status, _otps.expires_at, _otps.attempts_left)
_GUESS = (
    update(table_of(OTP))
    .where(
        _otps.id == bindparam("this"),
        _otps.status == OTPStatus.PENDING,
        _otps.attempts_left > 0,
        _otps.expires_at > bindparam("at", type_=_otps.expires_at.type),
    )
    .returning(_otps.attempts_left)
)
_ACCEPT = _GUESS.values(status=OTPStatus.VERIFIED)
_REFUSE = _GUESS.values(
    attempts_left=_otps.attempts_left - 1,
    status=case((_otps.attempts_left == 1, OTPStatus.BLOCKED), else_=OTPStatus.PENDING),
)


def verify(asked: Mapping[str, Any], *, test: bool) -> dict[str, Any]:
    """Return what a guess, read by its schema, comes to, as `VerificationSchema` describes it."""
    row = _find(asked, test=test)
    if row is None:
        return _answer(Reason.NOT_FOUND, 0)
    moment = now()
    if over := _OVER.get(status_of(row, moment)):
        return _answer(over, row.attempts_left)
    this = {"this": row.id, "at": moment}
    if not is_right(row, asked["code"]):
        left, reason = autocommit().scalar(_REFUSE, this), Reason.WRONG_CODE
    else:
        left, reason = _accept(this, test=test), None
    return _beaten(row.id, moment) if left is None else _answer(reason, left)


def _find(asked: Mapping[str, Any], *, test: bool) -> OTPRow | None:
    """Return the one-time password that a guess is about: the latest, where it names no id.

    What is given beside an id must be its own.
    """
    by_id, by_recipient = "id" in asked, "to" in asked
    by_purpose = "purpose" in asked or not by_id
    values = {"test": test, "this": asked.get("id"), "for_purpose": asked.get("purpose", DEFAULT_PURPOSE)}
    if by_recipient:
        values["recipient"] = canonical(channel_of(asked["to"]), asked["to"])
    statement = _finding(by_id=by_id, by_recipient=by_recipient, by_purpose=by_purpose)
    return autocommit().execute(statement, values).first()


@cache
def _finding(*, by_id: bool, by_recipient: bool, by_purpose: bool) -> Select[*tuple[Any, ...]]:
    """Return the statement that finds a one-time password: put together once, as guesses are many."""
    columns = (*_FOUND, _otps.nonce, _otps.code_len)
    found = select(*columns).where(_otps.is_test == bindparam("test"))
    if by_recipient:
        found = found.where(_otps.recipient == bindparam("recipient"))
    if by_purpose:
        found = found.where(_otps.purpose == bindparam("for_purpose"))
    if by_id:
        return found.where(_otps.id == bindparam("this"))
    return found.order_by(_otps.id.desc()).limit(1)


def _accept(this: dict[str, Any], *, test: bool) -> int | None:
    """Take the right code, and publish that in the same transaction."""
    with transaction() as connection:
        left: int | None = connection.scalar(_ACCEPT, this)
        if left is None:
            return None
        publish(connection, OTPVerified(read(connection, this["this"], test=test), test))
    return left


def _beaten(id: int, moment: datetime) -> dict[str, Any]:
    """Return what a guess comes to that others were faster than."""
    found = autocommit().execute(select(*_FOUND).where(_otps.id == id)).first()
    if found is None:
        return _answer(Reason.NOT_FOUND, 0)
    return _answer(_OVER.get(status_of(found, moment), Reason.EXPIRED), found.attempts_left)


def _answer(reason: Reason | None, attempts_left: int) -> dict[str, Any]:
    return {"verified": reason is None, "reason": reason, "attempts_left": attempts_left}
