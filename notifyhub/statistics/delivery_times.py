"""How long delivery takes: from when a provider took a message until it reported it as delivered.

Only the latest deliveries of each notifier are looked at, which are one range of an index: that costs the
same however many messages there are.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, any_, select, union_all
from sqlalchemy.dialects.postgresql import array

from notifyhub.database.base import table_of
from notifyhub.database.connections import is_postgresql
from notifyhub.delivery.figures import Notifier
from notifyhub.health.notifiers import percentile
from notifyhub.messages.models import Message, MessageStatus

LATEST = 100
"""So many messages of a notifier are looked at."""
MOST_NOTIFIERS = 100

_messages = table_of(Message).c


class DeliveryTime(NamedTuple):
    """How long half of some messages took at most, and 95 percent of them, in milliseconds."""

    messages: int
    half: int
    most: int


def latest(
    connection: Connection, notifiers: Sequence[Notifier], *, is_test: bool
) -> dict[Notifier, DeliveryTime]:
    """Return how long the latest deliveries of notifiers took, in one statement.

    Those of test tokens are looked at apart. Of more than MOST_NOTIFIERS the others are left out, as are
    those without deliveries.
    """
    if not notifiers:
        return {}
    durations: dict[Notifier, Counter[int]] = {}
    for row in connection.execute(union_all(*map(_of, notifiers[:MOST_NOTIFIERS]))):
        if row.is_test is is_test and row.sent_at and row.delivered_at:
            milliseconds = (row.delivered_at - row.sent_at).total_seconds() * 1000
            durations.setdefault(Notifier(row.channel, row.notifier_id), Counter())[int(milliseconds)] += 1
    return {notifier: _time(found) for notifier, found in durations.items()}


def _of(notifier: Notifier) -> Select[Any]:
    """Return the query of the latest deliveries of a notifier, in the order of the index."""
    # PostgreSQL may read all messages along their ids for a single value: see api/pagination/ranges.py.
    channel = any_(array([notifier.channel])) if is_postgresql() else notifier.channel
    rows = (
        select(
            *(_messages[name] for name in ("channel", "notifier_id", "is_test", "sent_at", "delivered_at"))
        )
        .where(
            _messages.channel == channel,
            _messages.notifier_id == notifier.id,
            _messages.status == MessageStatus.DELIVERED,
        )
        .order_by(
            *(_messages[name].desc() for name in ("channel", "notifier_id", "status", "id")),
        )
        .limit(LATEST)
    )
    return select(rows.subquery())


def _time(milliseconds: Counter[int]) -> DeliveryTime:
    half, most = (percentile(milliseconds, percent) or 0 for percent in (50, 95))
    return DeliveryTime(milliseconds.total(), half, most)
