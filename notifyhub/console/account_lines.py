"""The accounts as the overview shows them: the one in trouble first."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from flask_babel import lazy_gettext as _

from notifyhub.console.message_counts import AccountCounts
from notifyhub.console.statuses import Worded
from notifyhub.delivery.figures import Notifier
from notifyhub.statistics.delivery_times import DeliveryTime

RESTING = Worded(_("Resting"), "bad")
PROBING = Worded(_("Being tried"), "warn")
FAILING = Worded(_("Failing"), "warn")
UNUSED = Worded(_("Not used yet"), "none")
WORKING = Worded(_("Works"), "ok")

WORST_FIRST = (RESTING, PROBING, FAILING, WORKING, UNUSED)


class AccountLine(NamedTuple):
    """An account: the health's line, its state in words, its messages of the last days, if there are any."""

    health: Mapping[str, Any]
    state: Worded
    counts: AccountCounts | None
    time: DeliveryTime | None


def read(
    lines: Iterable[Mapping[str, Any]],
    counts: Mapping[Notifier, AccountCounts],
    times: Mapping[Notifier, DeliveryTime],
) -> list[AccountLine]:
    """Return the lines of all accounts, the worst first."""
    accounts = [_line(line, counts, times) for line in lines]
    return sorted(accounts, key=lambda account: WORST_FIRST.index(account.state))


def _line(
    line: Mapping[str, Any], counts: Mapping[Notifier, AccountCounts], times: Mapping[Notifier, DeliveryTime]
) -> AccountLine:
    account = Notifier(line["channel"], line["id"])
    counted = counts.get(account)
    return AccountLine(line, _state(line, is_used=counted is not None), counted, times.get(account))


def _state(line: Mapping[str, Any], *, is_used: bool) -> Worded:
    if line["state"] == "resting":
        return RESTING
    if line["state"] == "probing":
        return PROBING
    if line["failures_in_a_row"]:
        return FAILING
    return WORKING if is_used or line["last_accepted_at"] or line["last_error"] else UNUSED
