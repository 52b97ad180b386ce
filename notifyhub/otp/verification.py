"""Verification: a guess is checked and counted by one conditional UPDATE, however many come at once."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any

from sqlalchemy import Select, bindparam, case, select, update

from notifyhub import instruments
from notifyhub.database.base import now, table_of
from notifyhub.database.connections import autocommit, transaction
from notifyhub.events import publish
from notifyhub.otp.codes import is_right
from notifyhub.otp.events import OTPVerified
from notifyhub.otp.models import DEFAULT_PURPOSE, OTP, OTPStatus
from notifyhub.otp.recipients import canonical, channel_of
from notifyhub.otp.serializers import OTPRow, current_status

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

_STATE = (_otps.id, _otps.status, _otps.expires_at, _otps.attempts_left)
_GUESS = update(table_of(OTP)).where(
    _otps.id == bindparam("otp_id"),
    _otps.status == OTPStatus.PENDING,
    _otps.attempts_left > 0,
    _otps.expires_at > bindparam("now", type_=_otps.expires_at.type),
)
_ACCEPT = _GUESS.values(status=OTPStatus.VERIFIED).returning(_otps.attempts_left)
_REFUSE = _GUESS.values(
    attempts_left=_otps.attempts_left - 1,
    status=case((_otps.attempts_left == 1, OTPStatus.BLOCKED), else_=OTPStatus.PENDING),
).returning(_otps.attempts_left)


def verify(request: Mapping[str, Any], *, test: bool) -> dict[str, Any]:
    """Return what a guess, read by its schema, comes to, as `VerificationSchema` describes it."""
    response = _verify(request, test=test)
    if not test:
        instruments.count_guess(response["reason"] or "verified")
    return response


def _verify(request: Mapping[str, Any], *, test: bool) -> dict[str, Any]:
    row = _find(request, test=test)
    if row is None:
        return _response(Reason.NOT_FOUND, 0)
    moment = now()
    if reason := _OVER.get(current_status(row, moment)):
        return _response(reason, row.attempts_left)
    guess = {"otp_id": row.id, "now": moment}
    if is_right(row, request["code"]):
        attempts_left, reason = _accept(guess, test=test), None
    else:
        attempts_left, reason = autocommit().scalar(_REFUSE, guess), Reason.WRONG_CODE
    return _ended_before(row.id, moment) if attempts_left is None else _response(reason, attempts_left)


def _find(request: Mapping[str, Any], *, test: bool) -> OTPRow | None:
    """Return the one-time password that a guess is about: the latest, where it names no id.

    What is given beside an id must be its own.
    """
    by_id, by_recipient = "id" in request, "to" in request
    by_purpose = "purpose" in request or not by_id
    values = {"test": test, "otp_id": request.get("id"), "purpose": request.get("purpose", DEFAULT_PURPOSE)}
    if by_recipient:
        values["recipient"] = canonical(channel_of(request["to"]), request["to"])
    statement = _selection(by_id=by_id, by_recipient=by_recipient, by_purpose=by_purpose)
    return autocommit().execute(statement, values).first()


@cache
def _selection(*, by_id: bool, by_recipient: bool, by_purpose: bool) -> Select[*tuple[Any, ...]]:
    """Return the statement that finds a one-time password: built once, as guesses are many."""
    found = select(*_STATE, _otps.nonce, _otps.code_len).where(_otps.is_test == bindparam("test"))
    if by_recipient:
        found = found.where(_otps.recipient == bindparam("recipient"))
    if by_purpose:
        found = found.where(_otps.purpose == bindparam("purpose"))
    if by_id:
        return found.where(_otps.id == bindparam("otp_id"))
    return found.order_by(_otps.id.desc()).limit(1)


def _accept(guess: dict[str, Any], *, test: bool) -> int | None:
    """Take the right code, and publish that; return the guesses left, None if the code is over by now."""
    with transaction() as connection:
        attempts_left: int | None = connection.scalar(_ACCEPT, guess)
        if attempts_left is not None:
            publish(connection, OTPVerified(guess["otp_id"], test))
    return attempts_left


def _ended_before(id: int, moment: datetime) -> dict[str, Any]:
    """Return what a guess comes to if another one at the same time ended the one-time password first."""
    row = autocommit().execute(select(*_STATE).where(_otps.id == id)).first()
    if row is None:
        return _response(Reason.NOT_FOUND, 0)
    return _response(_OVER.get(current_status(row, moment), Reason.EXPIRED), row.attempts_left)


def _response(reason: Reason | None, attempts_left: int) -> dict[str, Any]:
    return {"verified": reason is None, "reason": reason, "attempts_left": attempts_left}
