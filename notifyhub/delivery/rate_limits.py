"""The pace of each notifier: how fast it is called, and how a 429 of its provider slows it down.

    full pace: `max_per_second` of its settings; without it, as fast as messages come
      │ 429                                                 ▲ RECOVERY_SECONDS without a further 429
      ▼                                                     │ (the first call after them that is accepted)
    paused until `paused_until`: nothing is sent            │
      │ that moment is past                                 │
      ▼                                                     │
    slowed: half the pace that it had, which rises evenly ──┘
      │ 429
      ▼
    paused again, then half of that pace; where nothing was accepted between the two, twice as long

A call needs a place: a moment at which nobody else calls. Places lie one after the other, an interval apart
(the generic cell rate algorithm, without bursts). Who gets one waits for its moment. Nobody waits longer than
MAX_WAIT_SECONDS: where the next place is farther ahead, the caller is turned away and none is taken. The
moments at which those who are turned away are to ask again lie an interval apart, too, so that a long queue
does not come back all at once, again and again.

They stand in the database, so that all workers share them. As with the circuit breakers the clock is the
worker's: where two differ by some milliseconds, the calls come uneven by as much, within HEADROOM.
"""

import time
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from flask import current_app
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Select,
    and_,
    bindparam,
    case,
    delete,
    func,
    null,
    select,
    update,
)

from notifyhub.database.base import now, table_of
from notifyhub.database.connections import autocommit, release
from notifyhub.database.extremes import greatest, least
from notifyhub.database.upsert import upsert
from notifyhub.delivery.models import RateLimit
from notifyhub.jobs import leases

_SECOND = 1_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

MAX_WAIT_SECONDS = 1.0
"""The longest wait for a place, if the caller says no other."""
MAX_CODE_WAIT_SECONDS = 3.0
"""That of one-time passwords, so that they find places where others are turned away."""

HEADROOM = 0.1
"""By so much an interval is longer than the limit asks: providers count calls when they arrive, some late."""

TEMPORARY_PER_SECOND = 10.0
"""The pace after the first 429 of a notifier that was called as fast as messages came."""
SLOWEST_SECONDS = 10
"""The interval beyond which 429s slow no notifier down."""

PAUSE_SECONDS = (1, 2, 4, 8, 16)
LONGEST_PAUSE_SECONDS = 30
"""How long it is paused after 429s in a row, where the provider does not say."""

RECOVERY_SECONDS = 30
"""After a pause; in them the interval shrinks to that of the full pace."""

RETURN_SECONDS = 60
"""From the next place on, over which those who were turned away come back; then from its beginning again."""

_LONGEST_INTERVAL = 86_400 * _SECOND
_SLOWEST_INTERVAL = SLOWEST_SECONDS * _SECOND
_TEMPORARY_INTERVAL = int(_SECOND / TEMPORARY_PER_SECOND)

rates = table_of(RateLimit)
_of_notifier = and_(
    rates.c.channel == bindparam("rate_channel"), rates.c.notifier_id == bindparam("rate_notifier_id")
)
_now = bindparam("rate_now", type_=BigInteger)
_latest = bindparam("rate_latest", type_=BigInteger)
_own_interval = bindparam("rate_interval", type_=BigInteger)
"""The interval of `max_per_second`, 0 without it."""


class Reservation(NamedTuple):
    """A place to call at a moment; if none `is_taken`, the moment to ask for one again."""

    at: datetime
    is_taken: bool


class SlowDown(NamedTuple):
    """What a 429 has led to: until when the notifier is paused, and whether it counts as its failure."""

    paused_until: datetime
    is_failure: bool


def paced(channel: Any, notifier_id: Any) -> Select[Any]:
    """Return the query of a row that is there if a notifier is limited and was called, or is slowed down."""
    return select(rates.c.notifier_id).where(rates.c.channel == channel, rates.c.notifier_id == notifier_id)


_end_of_recovery = rates.c.paused_until + RECOVERY_SECONDS * _SECOND
_slow_interval = case(
    (rates.c.paused_until >= _now, rates.c.slow_interval),
    (
        _end_of_recovery > _now,
        rates.c.slow_interval * (_end_of_recovery - _now) // (RECOVERY_SECONDS * _SECOND),
    ),
    else_=0,
)
_interval = greatest(_own_interval, _slow_interval)
"""The span between two calls at present, 0 for a notifier that is neither limited nor slowed down."""
_next_place = greatest(_now, rates.c.last_place + _interval, func.coalesce(rates.c.paused_until, 0))

_reserve = (
    update(rates)
    .where(_of_notifier, _next_place <= _latest)
    .values(last_place=_next_place)
    .returning(rates.c.last_place)
)
_next_return = case(
    (rates.c.next_return > _next_place + RETURN_SECONDS * _SECOND, _next_place),
    else_=greatest(rates.c.next_return, _next_place),
)
_turn_away = (
    update(rates)
    .where(_of_notifier, _next_place > _latest)
    .values(next_return=_next_return + _interval)
    .returning((rates.c.next_return - _interval).label("moment"))
)
_paused_until = select(rates.c.paused_until).where(_of_notifier, rates.c.paused_until > _now)
_accept = (
    update(rates)
    .where(_of_notifier, rates.c.paused_until <= _now)
    .values(refusals=0, paused_until=case((_end_of_recovery <= _now, null()), else_=rates.c.paused_until))
)
_forget = delete(rates).where(_of_notifier, rates.c.paused_until.is_(None))


def reserve(
    channel: str, notifier_id: int, per_second: float | None, max_wait: float = MAX_WAIT_SECONDS
) -> Reservation:
    """Take the next place of a notifier that may be called `per_second`, None if its settings don't say.

    To ask twice is to leave a place unused. A notifier that is neither limited nor slowed down has places for
    everybody.
    """
    at = _microseconds(now())
    values = {
        **_named(channel, notifier_id),
        "rate_now": at,
        "rate_latest": at + int(max_wait * _SECOND),
        "rate_interval": _interval_of(per_second),
    }
    connection = autocommit()
    if reserved := connection.execute(_reserve, values).first():
        return Reservation(_moment(reserved.last_place), is_taken=True)
    if turned_away := connection.execute(_turn_away, values).first():
        return Reservation(_moment(turned_away.moment), is_taken=False)
    if per_second is None:
        return Reservation(_moment(at), is_taken=True)
    # The row was not there. If it is by now, another was faster, and his stays.
    first = {"channel": channel, "notifier_id": notifier_id}
    changes = {"last_place": rates.c.last_place}
    connection.execute(upsert(connection, rates, first, key=["channel", "notifier_id"], changes=changes))
    return reserve(channel, notifier_id, per_second, max_wait)


def paused_until(channel: str, notifier_id: int) -> datetime | None:
    """Return until when a notifier is paused, None if it is not.

    Who has waited for his place asks: a 429 that has come meanwhile has made the place void.
    """
    values = {**_named(channel, notifier_id), "rate_now": _microseconds(now())}
    until: int | None = autocommit().scalar(_paused_until, values)
    return None if until is None else _moment(until)


def wait_for_place(
    channel: str, notifier_id: int, per_second: float | None, max_wait: float = MAX_WAIT_SECONDS
) -> datetime | None:
    """Wait until a notifier may be called, without a connection; return None then.

    If that is too far ahead, return the moment to come back at.
    """
    place = leases.persist(lambda: reserve(channel, notifier_id, per_second, max_wait))
    if not place.is_taken:
        return place.at
    seconds = (place.at - now()).total_seconds()
    if seconds <= 0:
        return None
    release()
    time.sleep(seconds)
    return leases.persist(lambda: paused_until(channel, notifier_id))


def slow_down(
    channel: str, notifier_id: int, per_second: float | None, retry_after: float | None
) -> SlowDown:
    """Pause a notifier whose provider has answered 429, and halve its pace.

    `retry_after` is how many seconds the provider asks to wait, None if it does not say. A 429 in a pause is
    that of a call which was under way: it can only prolong the pause, so twice is as once. What goes beyond
    BREAKER_FAILURES in a row is the notifier's failure.
    """
    at, own = _microseconds(now()), _interval_of(per_second)
    asked = None if retry_after is None else max(int(retry_after * _SECOND), PAUSE_SECONDS[0] * _SECOND)
    until = at + (asked or PAUSE_SECONDS[0] * _SECOND)
    first = {
        "channel": channel,
        "notifier_id": notifier_id,
        "slow_interval": min(2 * own or _TEMPORARY_INTERVAL, _SLOWEST_INTERVAL),
        "paused_until": until,
        "refusals": 1,
    }
    connection = autocommit()
    statement = upsert(
        connection, rates, first, key=["channel", "notifier_id"], changes=_slowed_down(asked)
    ).returning(rates.c.paused_until, rates.c.refusals)
    row = connection.execute(statement, {"rate_now": at, "rate_interval": own}).one()
    return SlowDown(_moment(row.paused_until), row.refusals > current_app.config["BREAKER_FAILURES"])


def accepted(channel: str, notifier_id: int, per_second: float | None) -> None:
    """Take note that a paced notifier has accepted a call: the next 429 is the first in a row again.

    When it has recovered, it is not slowed down any more.
    """
    named = _named(channel, notifier_id)
    autocommit().execute(_accept, {**named, "rate_now": _microseconds(now())})
    if per_second is None:
        autocommit().execute(_forget, named)


def _slowed_down(asked: int | None) -> dict[str, ColumnElement[Any]]:
    """Return what a 429 changes in a notifier's row; `asked` is the pause that the provider asks for."""
    in_pause = rates.c.paused_until > _now
    if asked is None:
        pauses = {count: seconds * _SECOND for count, seconds in enumerate(PAUSE_SECONDS)}
        pause = case(pauses, value=rates.c.refusals, else_=LONGEST_PAUSE_SECONDS * _SECOND)
        until = case((in_pause, rates.c.paused_until), else_=_now + pause)
    else:
        until = case((in_pause, greatest(rates.c.paused_until, _now + asked)), else_=_now + asked)
    halved = case((_interval > 0, 2 * _interval), else_=_TEMPORARY_INTERVAL)
    return {
        "slow_interval": case((in_pause, rates.c.slow_interval), else_=least(halved, _SLOWEST_INTERVAL)),
        "paused_until": until,
        "refusals": rates.c.refusals + case((in_pause, 0), else_=1),
    }


def _named(channel: str, notifier_id: int) -> dict[str, Any]:
    return {"rate_channel": channel, "rate_notifier_id": notifier_id}


def _interval_of(per_second: float | None) -> int:
    if per_second is None:
        return 0
    return int(min((1 + HEADROOM) * _SECOND / per_second, _LONGEST_INTERVAL))


def _microseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _moment(microseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=microseconds)
