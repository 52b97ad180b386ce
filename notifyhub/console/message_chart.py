"""The picture of the last seven days' messages: a bar for each day, its parts by what became of them."""

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from flask_babel import gettext, lazy_gettext

from notifyhub.console import formats
from notifyhub.console.charts import Chart, Column, Series, stacked
from notifyhub.console.message_counts import Span, Statuses
from notifyhub.console.translation import direction
from notifyhub.messages.models import MessageStatus


class Group(NamedTuple):
    """Statuses that are shown as one part of a bar."""

    name: Any
    kind: str
    statuses: tuple[MessageStatus, ...]


GROUPS = (
    Group(lazy_gettext("Delivered"), "ok", (MessageStatus.DELIVERED,)),
    Group(lazy_gettext("Sent, not reported on"), "busy", (MessageStatus.SENT,)),
    Group(
        lazy_gettext("On their way"),
        "warn",
        (MessageStatus.SCHEDULED, MessageStatus.QUEUED, MessageStatus.SENDING),
    ),
    Group(lazy_gettext("Not delivered"), "bad", (MessageStatus.UNDELIVERED, MessageStatus.FAILED)),
    Group(lazy_gettext("Never sent"), "none", (MessageStatus.CANCELLED, MessageStatus.EXPIRED)),
)


def draw(days: Mapping[date, Statuses], week: Span, zone: ZoneInfo) -> Chart:
    """Return the picture of a week, whose last day is the one in which it ends."""
    first, today = (moment.astimezone(zone).date() for moment in week)
    shown = [first + timedelta(days=place) for place in range((today - first).days + 1)]
    columns = [_column(day, days.get(day, Statuses()), zone, is_today=day == today) for day in shown]
    series = [Series(group.name, group.kind) for group in GROUPS]
    return stacked(series, columns, right_to_left=direction() == "rtl")


def _column(day: date, counts: Statuses, zone: ZoneInfo, *, is_today: bool) -> Column:
    noon = datetime.combine(day, time(12), zone)
    name = f"{formats.weekday(noon)} {formats.date(noon)}"
    above = gettext("Today") if is_today else formats.weekday(noon, short=True)
    values = [sum(counts[status] for status in group.statuses) for group in GROUPS]
    return Column(name, (above, formats.day_of_month(noon)), values)
