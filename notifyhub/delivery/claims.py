"""Claims: a worker takes a message that is due, for the time of a lease.

The start of the attempt at the message's own notifier is written with the claim; not if that notifier's
circuit breaker is open or it is gone: then a further attempt may be started later.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Insert,
    Select,
    and_,
    bindparam,
    case,
    false,
    func,
    insert,
    or_,
    select,
    update,
)

from notifyhub.database.base import now, table_of
from notifyhub.database.columns import UTC_TIME
from notifyhub.database.combined_statement import CombinedStatement
from notifyhub.database.connections import transaction
from notifyhub.delivery.models import CircuitBreaker
from notifyhub.jobs import leases
from notifyhub.messages.models import Attempt, Channel, Message, MessageStatus
from notifyhub.notifiers.models import EmailNotifier, SMSNotifier
from notifyhub.patterns.models import SMSPattern

messages, attempts, breakers = table_of(Message), table_of(Attempt), table_of(CircuitBreaker)
sms_notifiers, email_notifiers = table_of(SMSNotifier), table_of(EmailNotifier)
patterns = table_of(SMSPattern)

LIVE = (MessageStatus.SCHEDULED, MessageStatus.QUEUED, MessageStatus.SENDING)
"""The statuses of messages that still have to go out."""

CODE_LEASE_SECONDS = 30
"""The longest lease of a message with a one-time password, whose life is short."""


@dataclass(slots=True)
class ClaimedMessage:
    """A claimed message, as its worker needs it: every column more takes time. What mails have is not here.

    `own_version` and `pattern_version` say when its own notifier and its pattern last changed, None if they
    are gone. `round` numbers this round, `attempts` counts those made before it. `attempt_id` is the one that
    was started with the claim, if one was.
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
    own_name: str | None
    own_version: datetime | None
    pattern_version: datetime | None
    is_breaker_open: bool
    round: int
    attempts: int
    attempt_id: int | None
    lease_token: str


def due() -> ColumnElement[bool]:
    """Return the condition of a message that has to go out by `leases.NOW` and that nobody has."""
    # Not IN, whose statement would be put together anew each time.
    return and_(or_(*(messages.c.status == status for status in LIVE)), leases.due(messages))


_of_message = messages.c.id == bindparam("of_message")
_lease_end = case(
    (messages.c.otp_id.is_not(None), bindparam("code_until", type_=UTC_TIME)), else_=leases.UNTIL
)

_take = (
    update(messages)
    .where(_of_message, due(), messages.c.expires_at > leases.NOW)
    .values(**leases.taken(_lease_end), status=MessageStatus.SENDING, updated_at=leases.NOW)
    .returning(
        messages.c.id,
        messages.c.channel,
        messages.c.recipient,
        messages.c.home_notifier_id,
        messages.c.pattern_id,
        messages.c.pattern_name,
        messages.c.args,
        messages.c.text,
        messages.c.otp_id,
        messages.c.is_test,
        messages.c.expires_at,
        messages.c.rounds,
    )
)


def _look_up(message: Any) -> Select[Any]:
    """Return the query of what a claimed message's notifier, pattern and past attempts are, one row."""

    def of_own_notifier(column: str) -> ColumnElement[Any]:
        by_sms, by_email = (
            select(notifiers.c[column]).where(notifiers.c.id == message.home_notifier_id).scalar_subquery()
            for notifiers in (sms_notifiers, email_notifiers)
        )
        return case((message.channel == Channel.SMS, by_sms), else_=by_email)

    pattern = select(patterns.c.updated_at).where(patterns.c.id == message.pattern_id)
    open_breaker = select(breakers.c.notifier_id).where(
        breakers.c.channel == message.channel,
        breakers.c.notifier_id == message.home_notifier_id,
        breakers.c.open_until.is_not(None),
    )
    past = attempts.c.message_id == message.id
    latest_round = select(func.coalesce(func.max(attempts.c.round), 0)).where(past).scalar_subquery()
    return select(
        of_own_notifier("name").label("own_name"),
        of_own_notifier("updated_at").label("own_version"),
        pattern.scalar_subquery().label("pattern_version"),
        and_(message.is_test == false(), open_breaker.exists()).label("is_breaker_open"),
        (latest_round + 1).label("round"),
        select(func.count(attempts.c.id)).where(past).scalar_subquery().label("attempts"),
    )


def _start_first(message: Any) -> Insert:
    """Return the insertion of the attempt at the message's own notifier, if that may be tried."""
    columns = ["message_id", "round", "notifier_id", "notifier_name", "started_at"]
    started = select(message.id, message.round, message.home_notifier_id, message.own_name, leases.NOW).where(
        message.own_version.is_not(None), message.is_breaker_open == false()
    )
    return insert(attempts).from_select(columns, started).returning(attempts.c.id.label("attempt_id"))


# By the primary key of each table and ix_attempts_message_id: a row of each, however many messages there are.
_claim = CombinedStatement(_take, then=[_look_up, _start_first])

_renew = (
    update(messages)
    .where(_of_message, leases.held(messages))
    .values(**leases.renewed(_lease_end), updated_at=messages.c.updated_at)
    .returning(messages.c.id)
)
_start = insert(attempts).returning(attempts.c.id)
_running = select(attempts.c.id).where(
    attempts.c.message_id == bindparam("of_message"),
    attempts.c.round == bindparam("in_round"),
    attempts.c.notifier_id == bindparam("at_notifier"),
    attempts.c.outcome.is_(None),
)


def claim(message_id: int) -> ClaimedMessage | None:
    """Claim a message; None if it is not due, somebody has it, or its time is over.

    The claim, what the worker needs to know and the attempt's start are written and read together: a worker
    that dies leaves either a message that is still due or a lease with the attempt that it was for.
    """
    token = leases.new_token()
    row = _claim.first_alone({"of_message": message_id, **_lease(token, now())})
    return row and ClaimedMessage(**row._asdict(), lease_token=token)


def start_attempt(message: ClaimedMessage, notifier_id: int, notifier_name: str) -> int | None:
    """Renew the lease and start a further attempt of the round; None if the lease has been lost.

    Asked twice it starts one attempt: the first answer may have been lost on its way.
    """
    at = now()
    started = {"message_id": message.id, "round": message.round, "started_at": at}
    started |= {"notifier_id": notifier_id, "notifier_name": notifier_name}
    running = {"of_message": message.id, "in_round": message.round, "at_notifier": notifier_id}
    with transaction() as connection:
        lease = {"of_message": message.id, **_lease(message.lease_token, at)}
        if connection.execute(_renew, lease).first() is None:
            return None
        attempt_id: int | None = connection.scalar(_running, running)
        return attempt_id or connection.scalar(_start, started)


def _lease(token: str, at: datetime) -> dict[str, Any]:
    values = leases.claim_values(token, at)
    return {**values, "code_until": min(values["until"], at + timedelta(seconds=CODE_LEASE_SECONDS))}
