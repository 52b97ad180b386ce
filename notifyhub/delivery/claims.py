"""Claims: a worker takes messages that are due, for the time of a lease.

The start of the attempt at a message's own notifier is written with the claim; not if that notifier's circuit
breaker is open, if it may be called only so often, or if it is gone: then an attempt may be started later.
"""

from collections.abc import Collection, Iterable, Sequence
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
    delete,
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
from notifyhub.database.connections import autocommit, transaction
from notifyhub.delivery import rate_limits
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

    `own_version` and `pattern_version` say when its own notifier and its SMS pattern last changed, None if
    they are gone; `is_paced`, that the notifier may be called only so often. `request_id` is the request that
    made the message. `round` numbers this round, `attempts` counts those made before it. `attempt_id` is the
    one that was started with the claim, if any. From `claimed_at` on its lease runs.
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
    request_id: str | None
    own_name: str | None
    own_version: datetime | None
    pattern_version: datetime | None
    is_breaker_open: bool
    is_paced: bool
    round: int
    attempts: int
    attempt_id: int | None
    lease_token: str
    claimed_at: datetime


def due() -> ColumnElement[bool]:
    """Return the condition of a message that has to go out by `leases.NOW` and that nobody has."""
    # Not IN, whose statement would be put together anew each time.
    return and_(unindexed(or_(*(messages.c.status == status for status in LIVE))), leases.due(messages))


def unindexed(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    """Return a condition of rows that are found by when they are due.

    What is due is live, and not expired; PostgreSQL takes that for a rare coincidence. It would then gather
    all that is due, and all that is live by another index, to sort them each time for the first ones.
    """
    return func.coalesce(condition, false())


_lease_end = case(
    (messages.c.otp_id.is_not(None), bindparam("code_until", type_=UTC_TIME)), else_=leases.UNTIL
)

_take = (
    update(messages)
    # By the primary key alone: the index of what is due would be read through to its end.
    .where(func.coalesce(and_(due(), messages.c.expires_at > leases.NOW), false()))
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
        messages.c.request_id,
    )
)


def _look_up(message: Any) -> Select[Any]:
    """Return the query of what claimed messages' notifiers, patterns and past attempts are."""

    def of_own_notifier(column: str) -> ColumnElement[Any]:
        by_sms, by_email = (
            select(notifiers.c[column]).where(notifiers.c.id == message.home_notifier_id).scalar_subquery()
            for notifiers in (sms_notifiers, email_notifiers)
        )
        return case((message.channel == Channel.SMS, by_sms), else_=by_email)

    pattern = select(patterns.c.updated_at).where(
        patterns.c.id == message.pattern_id, message.channel == Channel.SMS
    )
    open_breaker = select(breakers.c.notifier_id).where(
        breakers.c.channel == message.channel,
        breakers.c.notifier_id == message.home_notifier_id,
        breakers.c.open_until.is_not(None),
    )
    paced = rate_limits.paced(message.channel, message.home_notifier_id)
    past = attempts.c.message_id == message.id
    latest_round = select(func.coalesce(func.max(attempts.c.round), 0)).where(past).scalar_subquery()
    return select(
        message.id,
        of_own_notifier("name").label("own_name"),
        of_own_notifier("updated_at").label("own_version"),
        pattern.scalar_subquery().label("pattern_version"),
        and_(message.is_test == false(), open_breaker.exists()).label("is_breaker_open"),
        and_(message.is_test == false(), paced.exists()).label("is_paced"),
        (latest_round + 1).label("round"),
        select(func.count(attempts.c.id)).where(past).scalar_subquery().label("attempts"),
    )


def _start_first(message: Any) -> Insert:
    """Return the insertion of the attempts at the messages' own notifiers, where those may be tried."""
    columns = ["message_id", "round", "notifier_id", "notifier_name", "started_at"]
    started = select(message.id, message.round, message.home_notifier_id, message.own_name, leases.NOW).where(
        message.own_version.is_not(None), message.is_breaker_open == false(), message.is_paced == false()
    )
    inserted = insert(attempts).from_select(columns, started)
    return inserted.returning(attempts.c.message_id, attempts.c.id.label("attempt_id"))


# By the primary key of each table and ix_attempts_message_id: as many rows of each as are claimed.
_claim = CombinedStatement(messages.c.id, _take, then=[_look_up, _start_first])

_renew = (
    update(messages)
    .where(leases.held(messages))
    .values(**leases.renewed(_lease_end), updated_at=messages.c.updated_at)
    .returning(messages.c.id)
)
_running = select(attempts.c.id, attempts.c.message_id, attempts.c.round).where(
    attempts.c.notifier_id == bindparam("of_notifier"), attempts.c.outcome.is_(None)
)
_start = insert(attempts).returning(attempts.c.id, sort_by_parameter_order=True)


def claim(ids: Sequence[int]) -> list[ClaimedMessage]:
    """Claim those of some messages, in their order, that are due, that nobody has, and not expired.

    The claim, what the worker needs to know and the attempts' start are written and read together: a worker
    that dies leaves either messages that are still due or leases with the attempts that they were for.
    """
    token, at = leases.new_token(), now()
    rows = {row.id: row for row in _claim.all(ids, _lease(token, at))}
    return [
        ClaimedMessage(**rows[id_]._asdict(), lease_token=token, claimed_at=at) for id_ in ids if id_ in rows
    ]


def start_attempts(
    messages_to_try: Sequence[ClaimedMessage],
    notifier_id: int,
    notifier_name: str,
    *,
    waiting: Iterable[ClaimedMessage] = (),
) -> dict[int, int]:
    """Start a further attempt of messages that were claimed together; return the attempts' ids by theirs.

    Their leases are renewed, and those of the messages that wait for them; one that has lost it is left out.
    Asked twice it starts one attempt: the first answer may have been lost on its way.
    """
    at = now()
    tried = {message.id: message for message in messages_to_try}
    wanted = [*tried, *(message.id for message in waiting)]
    with transaction() as connection:
        lease = _lease(messages_to_try[0].lease_token, at)
        held = set(connection.scalars(_renew.where(messages.c.id.in_(wanted)), lease))
        started = {
            row.message_id: row.id
            for row in connection.execute(
                _running.where(attempts.c.message_id.in_(tried)), {"of_notifier": notifier_id}
            )
            if row.round == tried[row.message_id].round
        }
        new = [id_ for id_ in tried if id_ in held and id_ not in started]
        rows = [
            {
                "message_id": id_,
                "round": tried[id_].round,
                "notifier_id": notifier_id,
                "notifier_name": notifier_name,
                "started_at": at,
            }
            for id_ in new
        ]
        inserted = connection.scalars(_start, rows).all() if rows else []
    ids = {**started, **dict(zip(new, inserted, strict=True))}
    return {id_: attempt_id for id_, attempt_id in ids.items() if id_ in held}


def withdraw(attempt_ids: Collection[int]) -> None:
    """Undo the start of attempts that are not made."""
    autocommit().execute(delete(attempts).where(attempts.c.id.in_(attempt_ids), attempts.c.outcome.is_(None)))


def _lease(token: str, at: datetime) -> dict[str, Any]:
    values = leases.claim_values(token, at)
    return {**values, "code_until": min(values["until"], at + timedelta(seconds=CODE_LEASE_SECONDS))}
