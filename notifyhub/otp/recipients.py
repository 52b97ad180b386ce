"""Recipients of one-time passwords: each has one spelling, and responses hold it masked."""

from collections.abc import Mapping
from typing import Any
from unicodedata import normalize

from marshmallow import ValidationError

from notifyhub.messages.composition import normalize_recipient
from notifyhub.messages.models import Channel
from notifyhub.text.code_masks import MASK

_HIDDEN = 3 * MASK


def canonical(channel: str, to: str) -> str:
    """Return the one spelling of a recipient; raises ValidationError if nobody can be reached so.

    Mail servers distinguish local parts by case, as a rule on paper only, and by how an accent is composed
    not even there (RFC 6532, 3.1): a code counts for all of them.
    """
    normalized = normalize_recipient(channel, to)
    if channel == Channel.SMS:
        return normalized
    local, _, domain = normalized.rpartition("@")
    if local.isascii():
        return f"{local.lower()}@{domain}"
    return normalize_recipient(
        channel, f"{normalize('NFC', local.lower())}@{domain}"
    )  # which may be too long now


def read_recipients(request: Mapping[str, Any]) -> list[tuple[Channel, str]]:
    """Return the recipient of a request and the fallback, if there is one, each with its channel.

    Raises ValidationError.
    """
    channel, fallback = Channel(request["channel"]), request["fallback"]
    recipients = [(channel, canonical(channel, request["to"]))]
    if fallback is None:
        return recipients
    other = Channel(fallback["channel"])
    if other is channel:
        words = "Choose another channel than that of the first message."
        raise ValidationError({"fallback": {"channel": [words]}})
    try:
        return [*recipients, (other, canonical(other, fallback["to"]))]
    except ValidationError as error:
        raise ValidationError({"fallback": error.messages_dict}) from None


def channel_of(to: str) -> Channel:
    """Return the channel that a recipient is reached by."""
    return Channel.EMAIL if "@" in to else Channel.SMS


def mask_recipient(recipient: str) -> str:
    """Return a recipient as responses hold it: +98912•••4567, a•••@example.com."""
    local, at, domain = recipient.rpartition("@")
    return f"{local[0]}{_HIDDEN}@{domain}" if at else f"{recipient[:-7]}{_HIDDEN}{recipient[-4:]}"
