"""The numbers of messages on the overview: of today and of the last seven days, beside those before."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo

from notifyhub.delivery.figures import Notifier
from notifyhub.statistics.intervals import Interval, Length, divide, midnight
from notifyhub.statistics.query import Selection, TooManyResults, results

DAY, WEEK = timedelta(days=1), timedelta(days=7)

Statuses = Counter[str]


class Span(NamedTuple):
    """From a moment to before another one."""

    begin: datetime
    end: datetime


class Spans(NamedTuple):
    """What is compared: each ends at the same time of its day, so that like stands beside like."""

    today: Span
    yesterday: Span
    week: Span
    week_before: Span


class AccountCounts(NamedTuple):
    """Of the last seven days' messages of an account: their number by status, and how many were sent."""

    statuses: Statuses
    sent: int

    @property
    def delivered(self) -> int:
        """How many are delivered."""
        return self.statuses["delivered"]

    @property
    def has_reports(self) -> bool:
        """Whether any provider's report has come for them."""
        return bool(self.statuses["delivered"] or self.statuses["undelivered"])


class _Place(NamedTuple):
    """Where an interval lies: its day, and the names of the spans that it is a part of."""

    day: date
    spans: Sequence[str]


class Counts(NamedTuple):
    """The numbers of messages, by status: of each span, of each day that has some, of each account."""

    spans: Mapping[str, Statuses]
    days: Mapping[date, Statuses]
    accounts: Mapping[Notifier, AccountCounts]


def spans(at: datetime, zone: ZoneInfo) -> Spans:
    """Return what is compared at a moment; days are those of the zone, the last seven with today."""
    local = at.astimezone(zone)
    day_ago, week_ago = ((local - span).astimezone(UTC) for span in (DAY, WEEK))  # as its clock shows them
    today, yesterday, week, week_before = (
        midnight(local.date() - timedelta(days=days), zone) for days in (0, 1, 6, 13)
    )
    return Spans(
        Span(today, at),
        Span(yesterday, min(day_ago, today)),
        Span(week, at),
        Span(week_before, min(week_ago, week)),
    )


def read(compared: Spans, zone: ZoneInfo, *, is_test: bool) -> Counts:
    """Return the numbers of messages, in one reading.

    Where the accounts are so many that an answer has no room for them, those are left out.
    """
    intervals = _intervals(compared, zone)
    equal = {"is_test": is_test}
    try:
        rows = results(Selection(intervals, ("channel", "notifier", "status"), equal))
    except TooManyResults:
        rows = results(Selection(intervals, ("status",), equal))
    places = {interval.start.isoformat(): _place(interval, compared, zone) for interval in intervals}
    by_span = {name: Counter[str]() for name in Spans._fields}
    by_day: dict[date, Statuses] = {}
    by_account: dict[Notifier, Statuses] = {}
    sent: Counter[Notifier] = Counter()
    for row in rows:
        place, status, count = places[row["start"]], row["status"], row["messages"]
        by_day.setdefault(place.day, Counter())[status] += count
        for name in place.spans:
            by_span[name][status] += count
        if "notifier" in row and "week" in place.spans:
            account = Notifier(row["channel"], row["notifier"])
            by_account.setdefault(account, Counter())[status] += count
            sent[account] += row["sent"]
    accounts = {account: AccountCounts(counts, sent[account]) for account, counts in by_account.items()}
    return Counts(by_span, by_day, accounts)


def _place(interval: Interval, compared: Spans, zone: ZoneInfo) -> _Place:
    within = (name for name, span in compared._asdict().items() if span.begin <= interval.begin < span.end)
    return _Place(interval.begin.astimezone(zone).date(), [*within])


def _intervals(compared: Spans, zone: ZoneInfo) -> Sequence[Interval]:
    """Return the days of all spans, those cut in two in which one ends."""
    first, last = compared.week_before.begin, compared.today.end
    days = divide(first, last, Length.DAY, zone)
    cuts = {moment for span in compared for moment in span}
    bounds = sorted({*cuts, *(day.begin for day in days)})
    return [Interval(begin, begin, end) for begin, end in pairwise(bounds)]
