"""The list of messages: what it can be filtered by."""

from contextlib import suppress
from typing import Any

from marshmallow import ValidationError

from notifyhub.api.pagination.cursor import CursorListing
from notifyhub.api.pagination.parameters import Flag, Number, OneOf, SomeOf, Text
from notifyhub.api.pagination.ranges import Key
from notifyhub.database.base import table_of
from notifyhub.messages.models import Channel, Message, MessageStatus
from notifyhub.messages.schemas import MessageSchema
from notifyhub.messages.serializers import LISTED, listed
from notifyhub.text.addresses import InvalidAddress, normalize_address
from notifyhub.text.phones import InvalidNumber, to_e164

_messages = table_of(Message)
_column = _messages.c

_listing = CursorListing(
    _messages,
    LISTED,
    listed,
    MessageSchema(),
    keys={
        "status": Key(
            SomeOf("Only those in one of these states, comma-separated.", MessageStatus),
            _column.status,
            tuple(MessageStatus),
        ),
        "channel": Key(OneOf("Only those of this channel.", Channel), _column.channel, tuple(Channel)),
        "to": Key(Text("Only those to this recipient; a number in any spelling."), _column.recipient),
        "reference": Key(Text("Only those with this reference of the client's."), _column.reference),
        "batch": Key(Number("Only those of this batch."), _column.batch_id),
        "notifier": Key(Number("Only those of this notifier of the `channel`."), _column.notifier_id),
        "pattern": Key(Number("Only those made with this pattern."), _column.pattern_id),
        "test": Key(Flag("Only those of test tokens, or of others."), _column.is_test, (False, True)),
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
QUERY, ANSWER = _listing.query, _listing.answer


def page() -> dict[str, Any]:
    """Return the page that the request asks for."""
    parameters = _listing.parameters()
    if "notifier" in parameters and "channel" not in parameters:
        raise ValidationError({"notifier": ["Give a `channel` with it: each has notifiers of its own."]})
    if "to" in parameters:
        parameters["to"] = _recipient(parameters["to"])
    return _listing.page(parameters)


def _recipient(text: str) -> str:
    """Return a recipient as it is stored; a blank in front is the + of a number that was not encoded."""
    if text.startswith(" "):
        with suppress(InvalidNumber):
            return to_e164(f"+{text.strip()}")
    try:
        return normalize_address(text) if "@" in text else to_e164(text)
    except (InvalidAddress, InvalidNumber):
        return text
