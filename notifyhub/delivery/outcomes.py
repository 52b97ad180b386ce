"""Outcomes: what is written when an attempt, or a round, has ended."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask import current_app
from sqlalchemy import Connection, and_, bindparam, func, update

from notifyhub.database.base import now, table_of
from notifyhub.database.connections import autocommit, is_postgresql, transaction
from notifyhub.database.driver_statement import DriverStatement
from notifyhub.delivery import circuit_breaker, journal, one_time_codes
from notifyhub.delivery.claims import ClaimedMessage
from notifyhub.delivery.notifier_clients import report_batch
from notifyhub.delivery.retry_policy import Result, RoundDecision
from notifyhub.delivery.routing import Route
from notifyhub.messages.events import PUBLISHED, publish_changes
from notifyhub.messages.models import Attempt, Message, MessageStatus, Outcome
from notifyhub.providers.base import SMS, Accepted
from notifyhub.providers.errors import Broken, Failure, NotifierTrouble, Uncertain
from notifyhub.text.code_masks import measured
from notifyhub.text.segments import measure

_m, _a = table_of(Message), table_of(Attempt)

_close = (
    update(_a)
    .where(_a.c.id == bindparam("of_attempt"), _a.c.outcome.is_(None))
    .values(
        outcome=bindparam("attempt_outcome"),
        duration_ms=bindparam("attempt_ms"),
        error_code=bindparam("attempt_code"),
        error_detail=bindparam("attempt_detail"),
    )
)

_end = (
    update(_m)
    .where(and_(_m.c.id == bindparam("of_message"), _m.c.lease_token == bindparam("by")))
    .values(
        status=bindparam("new_status"),
        rounds=bindparam("new_rounds"),
        next_attempt_at=bindparam("new_next_attempt_at"),
        error_code=bindparam("new_error_code"),
        error_detail=bindparam("new_error_detail"),
        sent_at=func.coalesce(bindparam("new_sent_at", type_=_m.c.sent_at.type), _m.c.sent_at),
        lease_token=None,
        lease_until=None,
        updated_at=bindparam("at"),
    )
    .returning(_m.c.id)
)

_take = _end.values(
    notifier_id=bindparam("of_notifier"),
    notifier_name=bindparam("new_notifier_name"),
    provider_message_id=bindparam("new_provider_message_id"),
    report_due_at=bindparam("new_report_due_at"),
    reports_asked=0,
    text=func.coalesce(bindparam("new_text", type_=_m.c.text.type), _m.c.text),
    encoding=func.coalesce(bindparam("new_encoding", type_=_m.c.encoding.type), _m.c.encoding),
    segments=func.coalesce(bindparam("new_segments", type_=_m.c.segments.type), _m.c.segments),
)

_close_and_end = DriverStatement(_end.add_cte(_close.cte("closed")))
_close_and_take = DriverStatement(_take.add_cte(_close.cte("closed")))
_close_take_and_forget = DriverStatement(
    _take.add_cte(_close.cte("closed"), circuit_breaker.close.cte("well"))
)
_only_end = DriverStatement(_end)


@dataclass(frozen=True)
class FinishedAttempt:
    """An attempt that has ended: its id, the route it took, how it ended, in how many milliseconds."""

    id: int
    route: Route
    result: Result
    ms: int


def record(claim: ClaimedMessage, attempt: FinishedAttempt) -> None:
    """Write how an attempt ended after which the round goes on."""
    connection = autocommit()
    connection.execute(_close, _attempt_values(attempt))
    _judge(connection, claim, attempt)


def finish(claim: ClaimedMessage, ending: RoundDecision) -> bool:
    """Write what a round came to whose attempts are all recorded; False if the lease was lost."""
    return _apply(claim, _only_end, (_end,), _message_values(claim, ending))


def finish_with(claim: ClaimedMessage, ending: RoundDecision, attempt: FinishedAttempt) -> bool:
    """Write how the last attempt ended and what the round came to, together; False if the lease was lost.

    An accepted message shows who took it and what that was given.
    """
    values = _attempt_values(attempt) | _message_values(claim, ending)
    if isinstance(attempt.result, Accepted):
        values |= _taken_values(claim, attempt, attempt.result, values["at"])
        if claim.is_test:
            return _apply(claim, _close_and_take, (_close, _take), values)
        return _apply(claim, _close_take_and_forget, (_close, circuit_breaker.close, _take), values)
    done = _apply(claim, _close_and_end, (_close, _end), values)
    connection = autocommit()
    _judge(connection, claim, attempt)
    return done


def is_well(attempt: FinishedAttempt) -> bool:
    """Tell whether an attempt has shown that its notifier answers properly."""
    said_nothing = NotifierTrouble | Broken | Uncertain | one_time_codes.Over
    return not isinstance(attempt.route.content, Failure) and not isinstance(attempt.result, said_nothing)


def _apply(
    claim: ClaimedMessage, whole: DriverStatement, steps: tuple[Any, ...], values: dict[str, Any]
) -> bool:
    """Execute the whole in one statement; its steps in one transaction where the database can't, or where
    others are told.
    """
    told = claim.heard and values["new_status"] in PUBLISHED
    if is_postgresql() and not told:
        return whole.first(values) is not None
    with transaction() as connection:
        *others, last = steps
        for step in others:
            connection.execute(step, values)
        done = connection.execute(last, values).first() is not None
        if done and told:
            publish_changes(connection, [claim.id])
    return done


def _judge(connection: Connection, claim: ClaimedMessage, attempt: FinishedAttempt) -> None:
    """Count a notifier's failure, or forget its failures; messages of test tokens say nothing about it."""
    if claim.is_test or isinstance(attempt.route.content, Failure):
        return
    carrier = attempt.route.carrier
    if isinstance(attempt.result, NotifierTrouble):
        if rest := circuit_breaker.record_failure(connection, carrier.channel, carrier.id):
            journal.rests(carrier, rest.until, rest.failures, attempt.result.code)
    elif is_well(attempt):
        connection.execute(circuit_breaker.close, {"of_channel": carrier.channel, "of_notifier": carrier.id})


def _attempt_values(attempt: FinishedAttempt) -> dict[str, Any]:
    failure = attempt.result if isinstance(attempt.result, Failure) else None
    return {
        "of_attempt": attempt.id,
        "attempt_outcome": failure.outcome if failure else Outcome.ACCEPTED,
        "attempt_ms": attempt.ms,
        "attempt_code": failure and failure.code,
        "attempt_detail": failure and failure.detail,
    }


def _message_values(claim: ClaimedMessage, ending: RoundDecision) -> dict[str, Any]:
    at = now()
    return {
        "of_message": claim.id,
        "by": claim.lease_token,
        "at": at,
        "new_status": ending.status,
        "new_rounds": ending.rounds,
        "new_sent_at": at if ending.status == MessageStatus.SENT else None,
        # Not beyond its expiry, so that the sweep finds it then.
        "new_next_attempt_at": ending.next_attempt_at and min(ending.next_attempt_at, claim.expires_at),
        "new_error_code": ending.error and ending.error.code,
        "new_error_detail": ending.error and ending.error.detail,
    }


def _taken_values(
    claim: ClaimedMessage, attempt: FinishedAttempt, accepted: Accepted, at: datetime
) -> dict[str, Any]:
    carrier, content = attempt.route.carrier, attempt.route.content
    values: dict[str, Any] = {
        "of_channel": claim.channel,
        "of_notifier": carrier.id,
        "new_notifier_name": carrier.name,
        "new_provider_message_id": accepted.provider_message_id,
        "new_report_due_at": None,
        "new_text": None,
        "new_encoding": None,
        "new_segments": None,
    }
    if report_batch(carrier, is_test=claim.is_test):
        values["new_report_due_at"] = at + timedelta(seconds=current_app.config["REPORT_DELAY"])
    if isinstance(content, SMS) and content.text != claim.text:
        encoding, segments = (measure if claim.otp_id is None else measured)(content.text)
        values |= {"new_text": content.text, "new_encoding": encoding, "new_segments": segments}
    return values
