"""Claims: which worker has a message, and until when.

A message that is due and that nobody has is claimed, in one step with the start of its attempt at its own
notifier. If that rests or is gone no attempt is started yet.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

from flask import current_app
from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Select,
    and_,
    bindparam,
    case,
    false,
    func,
    insert,
    or_,
    select,
    true,
    update,
)

from notifyhub.database.base import now, table_of
from notifyhub.database.connections import is_postgresql, transaction
from notifyhub.database.driver_statement import DriverStatement
from notifyhub.delivery.listeners import listening
from notifyhub.delivery.models import CircuitBreaker
from notifyhub.messages.models import Attempt, Channel, Message, MessageStatus
from notifyhub.notifiers.models import EmailNotifier, SMSNotifier
from notifyhub.patterns.models import SMSPattern

_m, _a, _b = table_of(Message), table_of(Attempt), table_of(CircuitBreaker)
_sms, _email, _pattern = table_of(SMSNotifier), table_of(EmailNotifier), table_of(SMSPattern)

LIVE = (MessageStatus.SCHEDULED, MessageStatus.QUEUED, MessageStatus.SENDING)
"""The statuses of messages that still have to go out."""

CODE_LEASE = 30
"""Seconds that a worker keeps a message with a one-time password, whose life is short, without a word."""

_CONTENT = (
    _m.c.id,
    _m.c.channel,
    _m.c.recipient,
    _m.c.home_notifier_id,
    _m.c.pattern_id,
    _m.c.pattern_name,
    _m.c.args,
    _m.c.text,
    _m.c.otp_id,
    _m.c.is_test,
    _m.c.expires_at,
    _m.c.rounds,
)


@dataclass(slots=True)
class ClaimedMessage:
    """A claimed message, as its worker needs it: every column more takes time. What mails have is not here.

    `home_version` and `pattern_version` say when its notifier and pattern last changed, None if they are
    gone. `round` numbers this round, `attempts` counts those made before it. `attempt` is the one that was
    started with the claim, if one was. `heard` says whether others want to be told what becomes of it.
    """

    id: int
    channel: str
    recipient: str
    home_notifier_id: int
    pattern_id: int | None
    pattern_name: str | None
    args: Any
    text: str | None
    otp_id: int | None
    is_test: bool
    expires_at: datetime
    rounds: int
    home_version: datetime | None
    pattern_version: datetime | None
    round: int
    attempts: int
    heard: bool
    attempt: int | None
    lease_token: str


_FACTS = tuple(
    fact.name for fact in fields(ClaimedMessage) if fact.name not in {"id", "attempt", "lease_token"}
)


def due(at: ColumnElement[datetime]) -> ColumnElement[bool]:
    """Return the condition of a message that has to go out by now and that nobody has."""
    # Not IN, whose statement would be put together anew each time.
    live = or_(*(_m.c.status == status for status in LIVE))
    return and_(live, _m.c.next_attempt_at <= at, _m.c.lease_until.is_(None))


_moment = _m.c.created_at.type
_leased = case(
    (_m.c.otp_id.is_not(None), bindparam("code_until", type_=_moment)),
    else_=bindparam("until", type_=_moment),
)
_claim = (
    update(_m)
    .where(
        _m.c.id == bindparam("of_message"),
        due(bindparam("at", type_=_moment)),
        _m.c.expires_at > bindparam("at"),
    )
    .values(
        status=MessageStatus.SENDING,
        lease_token=bindparam("by"),
        lease_until=_leased,
        # From then on it is due again: the sweep finds those whose worker has died.
        next_attempt_at=_leased,
        updated_at=bindparam("at"),
    )
)


def _loading(message: FromClause) -> Select[Any]:
    """Return the query for a claim's facts, but for its attempt, from the table or from what was claimed."""
    c = message.c
    at_home = and_(_b.c.channel == c.channel, _b.c.notifier_id == c.home_notifier_id)
    past = _a.c.message_id == c.id
    latest, count = select(func.max(_a.c.round)).where(past), select(func.count(_a.c.id)).where(past)
    return select(
        *(c[column.name] for column in _CONTENT),
        func.coalesce(_sms.c.updated_at, _email.c.updated_at).label("home_version"),
        func.coalesce(_sms.c.name, _email.c.name).label("home_name"),
        _pattern.c.updated_at.label("pattern_version"),
        (func.coalesce(latest.scalar_subquery(), 0) + 1).label("round"),
        count.scalar_subquery().label("attempts"),
        or_(c.otp_id.is_not(None), listening).label("heard"),
        and_(_b.c.open_until.is_not(None), c.is_test == false()).label("rests"),
    ).select_from(
        message.outerjoin(_sms, and_(c.channel == Channel.SMS, _sms.c.id == c.home_notifier_id))
        .outerjoin(_email, and_(c.channel == Channel.EMAIL, _email.c.id == c.home_notifier_id))
        .outerjoin(_pattern, _pattern.c.id == c.pattern_id)
        .outerjoin(_b, at_home)
    )


def _in_one_statement() -> Select[Any]:
    loaded = _loading(_claim.returning(*_CONTENT).cte("claimed")).cte("loaded")
    c = loaded.c
    begun = select(c.id, c.round, c.home_notifier_id, c.home_name, bindparam("at")).where(
        c.home_version.is_not(None), c.rests == false()
    )
    started = (
        insert(_a)
        .from_select(
            [_a.c.message_id, _a.c.round, _a.c.notifier_id, _a.c.notifier_name, _a.c.started_at], begun
        )
        .returning(_a.c.id)
        .cte("started")
    )
    facts = [c[name] for name in _FACTS]
    return select(*facts, started.c.id.label("attempt")).select_from(loaded.outerjoin(started, true()))


_claim_and_start = DriverStatement(_in_one_statement())
_take = _claim.returning(_m.c.id)
_load = _loading(_m).where(_m.c.id == bindparam("of_message"))
_start = insert(_a).returning(_a.c.id)
_running = select(_a.c.id).where(
    _a.c.message_id == bindparam("of_message"),
    _a.c.round == bindparam("in_round"),
    _a.c.notifier_id == bindparam("at_notifier"),
    _a.c.outcome.is_(None),
)
_renew = (
    update(_m)
    .where(_m.c.id == bindparam("of_message"), _m.c.lease_token == bindparam("by"))
    .values(lease_until=_leased, next_attempt_at=_leased, updated_at=_m.c.updated_at)
    .returning(_m.c.id)
)


def claim(message_id: int) -> ClaimedMessage | None:
    """Claim a message; None if it is not due, somebody has it, or its time is over."""
    at = now()
    row: Sequence[Any] | None
    values = {"of_message": message_id, "by": secrets.token_hex(16), "at": at, **_until(at)}
    if is_postgresql():
        row = _claim_and_start.first(values)
    else:
        with transaction() as connection:
            row = _step_by_step(connection, values)
    return None if row is None else ClaimedMessage(*(message_id, *row, values["by"]))


def _step_by_step(connection: Connection, values: dict[str, Any]) -> Sequence[Any] | None:
    if connection.execute(_take, values).first() is None:
        return None
    row = connection.execute(_load, values).mappings().one()
    attempt = None
    if row["home_version"] and not row["rests"]:
        started = {"message_id": row["id"], "round": row["round"], "started_at": values["at"]}
        started |= {"notifier_id": row["home_notifier_id"], "notifier_name": row["home_name"]}
        attempt = connection.scalar(_start, started)
    return [*(row[name] for name in _FACTS), attempt]


def start_attempt(claim: ClaimedMessage, notifier_id: int, notifier_name: str) -> int | None:
    """Renew the lease and start a further attempt of the round; None if the lease has been lost.

    Asked twice it starts one attempt: the first answer may have been lost on its way.
    """
    at = now()
    values = {"of_message": claim.id, "by": claim.lease_token, **_until(at)}
    started = {"message_id": claim.id, "round": claim.round, "started_at": at}
    started |= {"notifier_id": notifier_id, "notifier_name": notifier_name}
    with transaction() as connection:
        if connection.execute(_renew, values).first() is None:
            return None
        values = {"of_message": claim.id, "in_round": claim.round, "at_notifier": notifier_id}
        running: int | None = connection.scalar(_running, values)
        return running or connection.scalar(_start, started)


def _until(at: datetime) -> dict[str, datetime]:
    seconds: float = current_app.config["LEASE_SECONDS"]
    return {
        "until": at + timedelta(seconds=seconds),
        "code_until": at + timedelta(seconds=min(seconds, CODE_LEASE)),
    }
