"""Recipients of one-time passwords: each has one spelling, and is shown masked."""

from collections.abc import Mapping
from typing import Any
from unicodedata import normalize

from marshmallow import ValidationError

from notifyhub.messages.composition import recipient
from notifyhub.messages.models import Channel
from notifyhub.text.code_masks import MASK

_HIDDEN = 3 * MASK


def canonical(channel: str, to: str) -> str:
    """Return the one spelling of a recipient; raises ValidationError if nobody can be reached so.

    Mail servers tell local parts apart by case, as a rule on paper only, and by how an accent is composed
    not even there (RFC 6532, 3.1): a code counts for all of them.
    """
    one = recipient(channel, to)
    if channel == Channel.SMS:
        return one
    local, _, domain = one.rpartition("@")
    if local.isascii():
        return f"{local.lower()}@{domain}"
    return recipient(channel, f"{normalize('NFC', local.lower())}@{domain}")  # which may be too long now


def reached(asked: Mapping[str, Any]) -> list[tuple[Channel, str]]:
    """Return the recipient of a request and the fallback, if there is one, each with its channel.

    Raises ValidationError.
    """
    channel, fallback = Channel(asked["channel"]), asked["fallback"]
    reached = [(channel, canonical(channel, asked["to"]))]
    if fallback is None:
        return reached
    other = Channel(fallback["channel"])
    if other is channel:
        words = "Choose another channel than that of the first message."
        raise ValidationError({"fallback": {"channel": [words]}})
    try:
        return [*reached, (other, canonical(other, fallback["to"]))]
    except ValidationError as error:
        raise ValidationError({"fallback": error.messages_dict}) from None


def channel_of(to: str) -> Channel:
    """Return the channel that a recipient is reached by."""
    return Channel.EMAIL if "@" in to else Channel.SMS


def masked(recipient: str) -> str:
    """Return what is shown of a recipient: +98912•••4567, a•••@example.com."""
    local, at, domain = recipient.rpartition("@")
    return f"{local[0]}{_HIDDEN}@{domain}" if at else f"{recipient[:-7]}{_HIDDEN}{recipient[-4:]}"
