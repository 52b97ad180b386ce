"""Names of accounts where one of them is chosen: several may have the same."""

from collections import Counter
from collections.abc import Iterable

from notifyhub.messages.choices import Account, PatternChoice
from notifyhub.messages.models import Channel

Names = dict[tuple[Channel, int], str]
"""What each account is called, by its channel and id."""


def told_apart(named: Iterable[tuple[int, str]]) -> dict[int, str]:
    """Return what the accounts of a channel are called: by name and, where others have that, too, by id."""
    names = dict(named)
    counts = Counter(names.values())
    return {id_: name if counts[name] == 1 else f"{name} (#{id_})" for id_, name in names.items()}


def of_accounts(accounts: Iterable[Account]) -> Names:
    """Return what accounts of both channels are called."""
    some = list(accounts)
    return {
        (channel, id_): name
        for channel in Channel
        for id_, name in told_apart((one.id, one.name) for one in some if one.channel is channel).items()
    }


def of_patterns(patterns: Iterable[PatternChoice]) -> dict[int, str]:
    """Return what the accounts of a channel's patterns are called, by id."""
    return told_apart((one.notifier_id, one.notifier_name) for one in patterns)
