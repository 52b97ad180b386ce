"""Conversion: how many of the one-time passwords that were asked for came back right."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, Select, func, literal, select, union_all

from notifyhub.api.pagination.ranges import without_index
from notifyhub.database.base import table_of
from notifyhub.otp.models import OTP, OTPStatus

_otps = table_of(OTP)


class Conversion(NamedTuple):
    """Of how many one-time passwords how many were verified."""

    asked: int
    verified: int


def conversions(
    connection: Connection, spans: Sequence[tuple[datetime, datetime]], *, is_test: bool
) -> list[Conversion]:
    """Return the conversion of each of some spans of time, in one statement.

    Each reads its own range of an index: it takes as long as there are one-time passwords in it.
    """
    counts = (_of(place, begin, end, is_test) for place, (begin, end) in enumerate(spans))
    found = {place: Conversion(*counted) for place, *counted in connection.execute(union_all(*counts))}
    return [found[place] for place in range(len(spans))]


def _of(place: int, begin: datetime, end: datetime, is_test: bool) -> Select[int, int, int]:
    verified = func.count().filter(_otps.c.status == OTPStatus.VERIFIED)
    within = (_otps.c.created_at >= begin, _otps.c.created_at < end)
    counts = select(literal(place), func.count(), verified).select_from(_otps)
    return counts.where(*within, without_index(_otps.c.is_test.is_(is_test)))
