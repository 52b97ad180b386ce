"""Credits: what is left on the accounts of SMS notifiers, asked for from time to time, one after another."""

import logging
import threading
import time
from datetime import datetime, timedelta
from typing import Any

from flask import current_app
from sqlalchemy import Connection, bindparam, or_, select, update

from notifyhub.database.base import now, table_of
from notifyhub.database.columns import UTC_TIME, number
from notifyhub.database.connections import autocommit, release, transaction
from notifyhub.database.upsert import upsert
from notifyhub.delivery import rate_limits
from notifyhub.delivery.notifier_clients import NotifierClient, load_clients
from notifyhub.events import publish
from notifyhub.health import alarms, notifiers
from notifyhub.health.events import NotifierCreditLow
from notifyhub.health.models import NotifierCredit
from notifyhub.health.problems import told
from notifyhub.messages.models import Channel
from notifyhub.notifiers.models import SMSNotifier
from notifyhub.providers.base import Credit
from notifyhub.providers.boundary import ask
from notifyhub.providers.errors import Failure, RateLimited
from notifyhub.providers.sockets import exchange
from notifyhub.settings.models import DeliverySettings

log = logging.getLogger(__name__)

ASK_SECONDS = 10.0
"""How long a provider may take."""
ALL_SECONDS = 30.0
"""After which no further provider is asked: the thread is for other periodic work, too."""

UNREAD = "credit:"
"""The beginning of the names of alarms: the credit of the notifier with this id can't be read."""

_credits, _notifiers = table_of(NotifierCredit), table_of(SMSNotifier)

_asking = threading.Lock()

# A notifier that was changed may be another account.
_due = or_(
    _credits.c.asked_at.is_(None),
    _credits.c.asked_at <= bindparam("asked_by", type_=UTC_TIME),
    _credits.c.asked_at < _notifiers.c.updated_at,
)
_next = (
    select(_notifiers.c.id)
    .select_from(_notifiers.outerjoin(_credits, _credits.c.notifier_id == _notifiers.c.id))
    .where(_due)
    .order_by(_credits.c.asked_at, _notifiers.c.id)
)


def read_due() -> None:
    """Ask for the credits that are due; nothing, while this process does so already."""
    if not _asking.acquire(blocking=False):
        return
    try:
        _read_due(time.monotonic() + ALL_SECONDS)
    finally:
        _asking.release()


def _read_due(end: float) -> None:
    at = now()
    ids = autocommit().scalars(_next, {"asked_by": _asked_by(at)}).all()
    for notifier_id in ids:
        if time.monotonic() > end:
            return
        if _claim(notifier_id) and (client := _client(notifier_id)):
            _read(client)


def _asked_by(at: datetime) -> datetime:
    return at - timedelta(seconds=current_app.config["CREDIT_INTERVAL"])


def _claim(notifier_id: int) -> bool:
    """Write that a notifier is asked now; False if another process has done so meanwhile."""
    at = now()
    connection = autocommit()
    changed = select(_notifiers.c.updated_at).where(_notifiers.c.id == notifier_id).scalar_subquery()
    statement = upsert(
        connection,
        _credits,
        {"notifier_id": notifier_id, "asked_at": at},
        key=["notifier_id"],
        changes={"asked_at": at},
        where=or_(_credits.c.asked_at <= _asked_by(at), _credits.c.asked_at < changed),
    )
    return connection.execute(statement.returning(_credits.c.notifier_id)).first() is not None


def _client(notifier_id: int) -> NotifierClient | None:
    return load_clients(autocommit(), Channel.SMS, [notifier_id]).get(notifier_id)


def _read(client: NotifierClient) -> None:
    """Ask a provider, in its turn among the notifier's calls, and write down what it tells."""
    if not client.row["settings"]:
        return  # there is no account yet
    if rate_limits.wait_for_place(client.channel, client.id, client.max_per_second):
        return  # asked again with the next interval
    release()
    try:
        credit = _ask(client)
    except Failure as failure:
        if isinstance(failure, RateLimited):
            rate_limits.slow_down(client.channel, client.id, client.max_per_second, failure.retry_after)
        if alarms.begin(autocommit(), _unread(client.id), now()):
            log.warning(
                "The credit of SMS notifier %s (%s) is not known: %s", client.id, client.name, failure.code
            )
    else:
        store(client.id, None if credit is None else number(float(credit.amount)))
        if since := alarms.end(autocommit(), _unread(client.id)):
            log.warning(
                "The credit of SMS notifier %s (%s) can be read again: it was not known since %s",
                *(client.id, client.name, told(since)),
            )


def _unread(notifier_id: int) -> str:
    """Return the name of the alarm that a notifier's credit can't be read."""
    return f"{UNREAD}{notifier_id}"


def _ask(client: NotifierClient) -> Credit | None:
    def check() -> Credit | None:
        credit = client.backend.check()
        # A backend of another package may return anything.
        return credit if isinstance(credit, Credit) else None

    with exchange(ASK_SECONDS, float("inf")):
        return ask(check)


def store(notifier_id: int, amount: float | None) -> None:
    """Write a notifier's credit, None if its provider tells none; publish once that it has fallen too low.

    One that is not told is neither low nor high: what was low stays so, until the credit has been above.
    """
    with transaction() as connection:
        row: Any = connection.execute(
            select(_credits.c.is_low, select(table_of(DeliverySettings).c.credit_low).scalar_subquery())
            .where(_credits.c.notifier_id == notifier_id)
            .with_for_update(of=_credits)
        ).first()
        if row is None:  # the notifier was deleted meanwhile
            return
        was_low, least = row
        is_low = least is not None and (was_low if amount is None else amount < least)
        read = {"amount": amount, "read_at": None if amount is None else now(), "is_low": is_low}
        connection.execute(update(_credits).where(_credits.c.notifier_id == notifier_id).values(read))
        if is_low and not was_low:
            log.warning("The credit of SMS notifier %s has fallen below %s: %s", notifier_id, least, amount)
            if line := notifiers.line(connection, Channel.SMS, notifier_id):
                publish(connection, NotifierCreditLow(line, least))


def credit_of(connection: Connection, notifier_id: int) -> Any:
    """Return what is known of an SMS notifier's credit, `amount` and `read_at`; None if nothing is."""
    known = select(_credits.c.amount, _credits.c.read_at).where(
        _credits.c.notifier_id == notifier_id, _credits.c.amount.is_not(None)
    )
    return connection.execute(known).first()
