"""Conversion: how many of the one-time passwords that were asked for came back right."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, and_, case, func, select

from notifyhub.api.pagination.ranges import without_index
from notifyhub.database.base import table_of
from notifyhub.otp.models import OTP, OTPStatus

_otps = table_of(OTP).c


class Conversion(NamedTuple):
    """Of how many one-time passwords how many were verified."""

    asked: int
    verified: int


def conversions(
    connection: Connection, spans: Sequence[tuple[datetime, datetime]], *, is_test: bool
) -> list[Conversion]:
    """Return the conversion of each of some spans of time, in one statement."""
    sums = []
    for begin, end in spans:
        within = and_(_otps.created_at >= begin, _otps.created_at < end)
        verified = and_(within, _otps.status == OTPStatus.VERIFIED)
        sums += [func.coalesce(func.sum(case((each, 1), else_=0)), 0) for each in (within, verified)]
    statement = select(*sums).where(
        _otps.created_at >= min(begin for begin, _ in spans),
        _otps.created_at < max(end for _, end in spans),
        without_index(_otps.is_test.is_(is_test)),
    )
    counted = [int(value) for value in connection.execute(statement).one()]
    return [Conversion(*pair) for pair in zip(counted[::2], counted[1::2], strict=True)]
