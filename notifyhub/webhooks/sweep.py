"""The sweep: deliveries that are due and that nobody has looked after, found in the rows.

So are those whose worker has died: they are due again when its lease is over.
"""

from datetime import datetime, timedelta

from sqlalchemy import Update, and_, bindparam, or_, select, update

from notifyhub.database.base import now, table_of
from notifyhub.delivery import queue
from notifyhub.delivery.connections import statements, transaction
from notifyhub.delivery.sweep import BATCH, MOST_WAITING
from notifyhub.webhooks.models import WebhookDelivery
from notifyhub.webhooks.sending import wake

_d = table_of(WebhookDelivery)

FRESH = timedelta(seconds=10)
"""The time in which a new delivery is left to the call that went out with it."""
PATIENCE = timedelta(seconds=30)
"""The time after which a call is taken for lost."""

_type = _d.c.created_at.type
_waiting = and_(
    _d.c.next_attempt_at <= bindparam("at", type_=_type),
    or_(_d.c.attempts > 0, _d.c.next_attempt_at <= bindparam("fresh", type_=_type)),
    or_(
        _d.c.enqueued_at.is_(None),
        _d.c.enqueued_at < _d.c.next_attempt_at,
        _d.c.enqueued_at <= bindparam("patient", type_=_type),
    ),
)
_take = select(_d.c.id).where(_waiting).order_by(_d.c.next_attempt_at)


def sweep() -> int:
    """Wake workers for what waits, but no more than they can soon take up; return for how many."""
    count = 0
    while _any():
        depth = queue.publisher().depth(queue.WEBHOOKS)
        room = 0 if depth is None else min(BATCH, MOST_WAITING - depth)
        ids = _mark(room) if room > 0 else []
        if not ids:
            break
        if not wake(ids):
            _unmark(ids)
            break
        count += len(ids)
    return count


def _any() -> bool:
    """Tell whether there are any, without the lock that SQLite's transactions begin with."""
    with statements() as connection:
        return connection.execute(_take.limit(1), _moments(now())).first() is not None


def _mark(most: int) -> list[int]:
    at = now()
    with transaction() as connection:
        taken = list(connection.scalars(_take.limit(most).with_for_update(skip_locked=True), _moments(at)))
        connection.execute(_marking(taken, at))
    return taken


def _unmark(ids: list[int]) -> None:
    with statements() as connection:
        connection.execute(_marking(ids, None))


def _marking(ids: list[int], at: datetime | None) -> Update:
    return update(_d).where(_d.c.id.in_(ids)).values(enqueued_at=at, updated_at=_d.c.updated_at)


def _moments(at: datetime) -> dict[str, datetime]:
    return {"at": at, "fresh": at - FRESH, "patient": at - PATIENCE}
