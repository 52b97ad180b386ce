"""Accounts and patterns that can be chosen: those of the channels whose lists the caller may see."""

from notifyhub.console.operations import may
from notifyhub.database.connections import autocommit
from notifyhub.messages import choices
from notifyhub.messages.models import Channel
from notifyhub.notifiers.views import email_notifiers, sms_notifiers
from notifyhub.patterns.views import email_patterns, sms_patterns

_NOTIFIERS = {Channel.SMS: sms_notifiers, Channel.EMAIL: email_notifiers}
_PATTERNS = {Channel.SMS: sms_patterns, Channel.EMAIL: email_patterns}


def accounts() -> list[choices.Account]:
    """Return the notifiers of both channels, by name."""
    allowed = [channel for channel in Channel if may(_NOTIFIERS[channel].operations["list"])]
    return choices.accounts(autocommit(), *allowed)


def shows_patterns(channel: Channel) -> bool:
    """Return whether the caller may see the patterns of a channel."""
    return may(_PATTERNS[channel].operations["list"])


def patterns(channel: Channel, chosen: int | None = None) -> list[choices.PatternChoice]:
    """Return the patterns of a channel, those of a notifier together, the chosen one in any case."""
    return choices.patterns(autocommit(), channel, chosen) if shows_patterns(channel) else []
