"""The list of one-time passwords: what it can be filtered by."""

from collections.abc import Sequence
from typing import Any

from marshmallow import ValidationError
from sqlalchemy import ColumnElement, and_, bindparam, case

from notifyhub.api.fields import described
from notifyhub.api.pagination.cursor import CursorListing
from notifyhub.api.pagination.filters import ColumnFilter, Comparison, Filter, any_of, flag, one_of, text
from notifyhub.api.pagination.parameters import Choices
from notifyhub.api.serializers import RowSerializer
from notifyhub.database.base import now, table_of
from notifyhub.messages.models import Channel
from notifyhub.messages.pages import RecipientParameter
from notifyhub.otp.models import OTP, OTPStatus
from notifyhub.otp.recipients import canonical, channel_of
from notifyhub.otp.schemas import OTPSchema
from notifyhub.otp.serializers import LISTED, listed

_otps = table_of(OTP).c

_shown_status = case(
    (
        and_(
            _otps.status == OTPStatus.PENDING,
            _otps.expires_at <= bindparam("moment", type_=_otps.expires_at.type),
        ),
        OTPStatus.EXPIRED,
    ),
    else_=_otps.status,
)


class _Recipient(RecipientParameter):
    """A recipient in any spelling, in a query."""

    def _deserialize(self, value: Any, *args: Any, **options: Any) -> str:
        given = super()._deserialize(value, *args, **options)
        try:
            return canonical(channel_of(given), given)
        except ValidationError:
            return given


class _ShownStatus(Filter):
    """The filter by the statuses that are shown: that a term is over may not be stored yet."""

    def __init__(self) -> None:
        words = "Only those in one of these states, comma-separated."
        super().__init__(Choices(OTPStatus, metadata=described(words)), (Comparison(_shown_status),))

    def conditions(self, name: str) -> list[ColumnElement[bool]]:
        return [_shown_status.in_(bindparam(f"{name}_0", expanding=True))]

    def values(self, name: str, value: Any) -> dict[str, Any]:
        return {**super().values(name, value), "moment": now()}


class _OTPListing(CursorListing):
    """The one-time passwords of test tokens, or of others: `is_test` is given to `page`."""

    def parse(self) -> dict[str, Any]:
        asked = super().parse()
        if "status" in asked:
            asked["stored_status"] = _stored(asked["status"])
        return asked


def _stored(shown: Sequence[str]) -> tuple[str, ...]:
    """Return the statuses under which those are stored that are shown with some."""
    also = [OTPStatus.PENDING.value] if OTPStatus.EXPIRED in shown else []
    return tuple(dict.fromkeys([*shown, *also]))


_to = described("Only those for this recipient, in any spelling; not those that only fall back to it.")

listing = _OTPListing(
    table_of(OTP),
    RowSerializer(OTPSchema(), LISTED, listed),
    filters={
        "to": ColumnFilter(_Recipient(strict=True, metadata=_to), _otps.recipient),
        "purpose": text(_otps.purpose, "Only those for this purpose."),
        "status": _ShownStatus(),
        "channel": one_of(_otps.channel, Channel, "Only those that go by this channel."),
    },
    implied={
        "is_test": flag(_otps.is_test),
        "stored_status": any_of(_otps.status, OTPStatus, "As stored."),
    },
    # Purposes have none: rows are kept for a day, and each index is written with every code.
    indexes=(("to", "is_test"), ("stored_status", "channel", "is_test")),
)
