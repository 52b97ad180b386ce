"""The list of messages: what it can be filtered by."""

from contextlib import suppress
from typing import Any

from marshmallow import ValidationError

from notifyhub.api.fields import String, described
from notifyhub.api.pagination.cursor import CursorListing
from notifyhub.api.pagination.filters import ColumnFilter, any_of, flag, number, one_of, text
from notifyhub.api.serializers import RowSerializer
from notifyhub.database.base import table_of
from notifyhub.messages.models import Channel, Message, MessageStatus
from notifyhub.messages.schemas import MessageSchema
from notifyhub.messages.serializers import LISTED, listed
from notifyhub.messages.transitions import Change
from notifyhub.text.addresses import InvalidAddress, normalize_address
from notifyhub.text.phones import InvalidNumber, to_e164

_messages = table_of(Message).c


class RecipientParameter(String):
    """A recipient in any spelling, in a query; a blank in front is the + of a number that was not encoded."""

    def _deserialize(self, value: Any, *args: Any, **options: Any) -> str:
        given = super()._deserialize(value, *args, **options)
        if given.startswith(" "):
            with suppress(InvalidNumber):
                return to_e164(f"+{given.strip()}")
        try:
            return normalize_address(given) if "@" in given else to_e164(given)
        except (InvalidAddress, InvalidNumber):
            return given


class _MessageListing(CursorListing):
    def parse(self) -> dict[str, Any]:
        asked = super().parse()
        if "notifier" in asked and "channel" not in asked:
            raise ValidationError({"notifier": ["Give a `channel` with it: each has notifiers of its own."]})
        return asked

    def changeable(self, change: Change, limit: int, *, test: bool) -> list[int]:
        """Return the ids of the newest messages, at most `limit`, that the request's parameters ask for and
        that a change can be done to; with `test` those of test tokens.

        Raises ValidationError, by parameter.
        """
        asked = self._asked_of(change, test=test)
        return self.ids(asked, change.condition, limit) if asked else []

    def count_changeable(self, change: Change, limit: int, *, test: bool) -> int:
        """Return how many messages `changeable` can give, at most `limit`."""
        asked = self._asked_of(change, test=test)
        return self.count(asked, change.condition, limit) if asked else 0

    def _asked_of(self, change: Change, *, test: bool) -> dict[str, Any] | None:
        """Return the request's parameters, with those states alone that a change can be done in; or None."""
        asked = self.parse()
        statuses = tuple(one for one in asked.get("status", change.statuses) if one in change.statuses)
        if not statuses or (test and asked.get("test") is False):
            return None
        return {**asked, "status": statuses, **({"test": True} if test else {})}


_to = described("Only those to this recipient; a number in any spelling.")

listing = _MessageListing(
    table_of(Message),
    RowSerializer(MessageSchema(), LISTED, listed),
    filters={
        "status": any_of(
            _messages.status, MessageStatus, "Only those in one of these states, comma-separated."
        ),
        "channel": one_of(_messages.channel, Channel, "Only those of this channel."),
        "to": ColumnFilter(RecipientParameter(strict=True, metadata=_to), _messages.recipient),
        "reference": text(_messages.reference, "Only those with this reference of the client's."),
        "batch": number(_messages.batch_id, "Only those of this batch."),
        "notifier": number(_messages.notifier_id, "Only those of this notifier of the `channel`."),
        "pattern": number(
            _messages.pattern_id,
            "Only those made with the pattern of this id, of the `channel` if that is given.",
        ),
        "test": flag(_messages.is_test, "Only those of test tokens, or of others."),
    },
    indexes=(
        ("batch", "status"),
        ("reference", "status"),
        ("to", "status"),
        ("pattern", "status"),
        ("channel", "notifier", "status"),
        ("status", "channel", "test"),
    ),
)
