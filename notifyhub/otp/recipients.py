"""Recipients of one-time passwords: each has one spelling, and is shown masked."""

from unicodedata import normalize

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


def channel_of(to: str) -> Channel:
    """Return the channel that a recipient is reached by."""
    return Channel.EMAIL if "@" in to else Channel.SMS


def masked(recipient: str) -> str:
    """Return what is shown of a recipient: +98912•••4567, a•••@example.com."""
    local, at, domain = recipient.rpartition("@")
    return f"{local[0]}{_HIDDEN}@{domain}" if at else f"{recipient[:-7]}{_HIDDEN}{recipient[-4:]}"
