"""Outcomes: what is written when an attempt, or a round, has ended."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask import current_app
from sqlalchemy import Connection, bindparam, func, update

from notifyhub.database.base import now, table_of
from notifyhub.database.columns import UTC_TIME
from notifyhub.database.combined_statement import CombinedStatement
from notifyhub.database.connections import autocommit, transaction
from notifyhub.delivery import circuit_breaker, journal, one_time_codes
from notifyhub.delivery.claims import ClaimedMessage
from notifyhub.delivery.notifier_clients import report_batch
from notifyhub.delivery.retry_policy import Result, RoundDecision
from notifyhub.delivery.routing import Route
from notifyhub.jobs import leases
from notifyhub.messages.events import CHANGED, publish_changes
from notifyhub.messages.models import Attempt, Message, MessageStatus, Outcome
from notifyhub.providers.base import SMS, Accepted
from notifyhub.providers.errors import Broken, Failure, NotifierTrouble, Uncertain
from notifyhub.text.code_masks import measured
from notifyhub.text.segments import measure

messages, attempts = table_of(Message), table_of(Attempt)

_end_attempt = (
    update(attempts)
    .where(attempts.c.id == bindparam("attempt_id"), attempts.c.outcome.is_(None))
    .values(
        outcome=bindparam("attempt_outcome"),
        duration_ms=bindparam("attempt_ms"),
        error_code=bindparam("attempt_error_code"),
        error_detail=bindparam("attempt_error_detail"),
    )
)

_release = (
    update(messages)
    .where(messages.c.id == bindparam("of_message"), leases.held(messages))
    .values(
        **leases.RELEASED,
        status=bindparam("new_status"),
        rounds=bindparam("new_rounds"),
        next_attempt_at=bindparam("new_next_attempt_at"),
        error_code=bindparam("new_error_code"),
        error_detail=bindparam("new_error_detail"),
        sent_at=func.coalesce(bindparam("new_sent_at", type_=UTC_TIME), messages.c.sent_at),
        updated_at=leases.NOW,
    )
    .returning(*CHANGED)
)

_accept = _release.values(
    notifier_id=bindparam("new_notifier_id"),
    notifier_name=bindparam("new_notifier_name"),
    provider_message_id=bindparam("new_provider_message_id"),
    report_due_at=bindparam("new_report_due_at"),
    reports_asked=0,
    **{
        name: func.coalesce(bindparam(f"new_{name}", type_=messages.c[name].type), messages.c[name])
        for name in ("text", "encoding", "segments")
    },
)

_end_round = CombinedStatement(_release)
_end_attempt_and_round = CombinedStatement(_release, along=[_end_attempt])
_accept_test = CombinedStatement(_accept, along=[_end_attempt])
_accept_and_close_breaker = CombinedStatement(_accept, along=[_end_attempt, circuit_breaker.close])


@dataclass(frozen=True)
class FinishedAttempt:
    """An attempt that has ended: its id, the route it took, how it ended, in how many milliseconds."""

    id: int
    route: Route
    result: Result
    ms: int


def record(message: ClaimedMessage, attempt: FinishedAttempt) -> None:
    """Write how an attempt ended after which the round goes on."""
    connection = autocommit()
    connection.execute(_end_attempt, _attempt_values(attempt))
    _count(connection, message, attempt)


def finish(message: ClaimedMessage, decision: RoundDecision) -> bool:
    """Write what a round came to whose attempts are all recorded; False if the lease was lost."""
    return _write(_end_round, _round_values(message, decision))


def finish_with(message: ClaimedMessage, decision: RoundDecision, attempt: FinishedAttempt) -> bool:
    """Write how the last attempt ended and what the round came to, together; False if the lease was lost.

    An accepted message shows who took it and what that was given.
    """
    values = _attempt_values(attempt) | _round_values(message, decision)
    if isinstance(attempt.result, Accepted):
        values |= _accepted_values(message, attempt, attempt.result, values["now"])
        return _write(_accept_test if message.is_test else _accept_and_close_breaker, values)
    held = _write(_end_attempt_and_round, values)
    _count(autocommit(), message, attempt)
    return held


def shows_health(attempt: FinishedAttempt) -> bool:
    """Return whether an attempt has shown that its notifier answers properly."""
    says_nothing = NotifierTrouble | Broken | Uncertain | one_time_codes.Over
    return not isinstance(attempt.route.content, Failure) and not isinstance(attempt.result, says_nothing)


def _write(statement: CombinedStatement, values: dict[str, Any]) -> bool:
    """Write the end of a round, and what its subscribers make of it, in one transaction.

    False if the worker does not have the lease any more: then the sweep, or another worker, has decided.
    """
    with transaction() as connection:
        row = statement.first(connection, values)
        if row is not None:
            publish_changes(connection, [row])
    return row is not None


def _count(connection: Connection, message: ClaimedMessage, attempt: FinishedAttempt) -> None:
    """Count a notifier's failure, or forget its failures; messages of test tokens say nothing about it."""
    if message.is_test or isinstance(attempt.route.content, Failure):
        return
    client = attempt.route.client
    if isinstance(attempt.result, NotifierTrouble):
        if opening := circuit_breaker.record_failure(connection, client.channel, client.id):
            journal.breaker_opened(client, opening, attempt.result.code)
    elif shows_health(attempt):
        connection.execute(circuit_breaker.close, circuit_breaker.named(client.channel, client.id))


def _attempt_values(attempt: FinishedAttempt) -> dict[str, Any]:
    failure = attempt.result if isinstance(attempt.result, Failure) else None
    return {
        "attempt_id": attempt.id,
        "attempt_outcome": failure.outcome if failure else Outcome.ACCEPTED,
        "attempt_ms": attempt.ms,
        "attempt_error_code": failure and failure.code,
        "attempt_error_detail": failure and failure.detail,
    }


def _round_values(message: ClaimedMessage, decision: RoundDecision) -> dict[str, Any]:
    at = now()
    next_attempt_at = decision.next_attempt_at
    return {
        "of_message": message.id,
        "token": message.lease_token,
        "now": at,
        "new_status": decision.status,
        "new_rounds": decision.rounds,
        "new_sent_at": at if decision.status == MessageStatus.SENT else None,
        # Not beyond its expiry, so that the sweep finds it then.
        "new_next_attempt_at": next_attempt_at and min(next_attempt_at, message.expires_at),
        "new_error_code": decision.error and decision.error.code,
        "new_error_detail": decision.error and decision.error.detail,
    }


def _accepted_values(
    message: ClaimedMessage, attempt: FinishedAttempt, accepted: Accepted, at: datetime
) -> dict[str, Any]:
    client, content = attempt.route.client, attempt.route.content
    values: dict[str, Any] = {
        **circuit_breaker.named(client.channel, client.id),
        "new_notifier_id": client.id,
        "new_notifier_name": client.name,
        "new_provider_message_id": accepted.provider_message_id,
        "new_report_due_at": None,
        "new_text": None,
        "new_encoding": None,
        "new_segments": None,
    }
    if report_batch(client, is_test=message.is_test):
        values["new_report_due_at"] = at + timedelta(seconds=current_app.config["REPORT_DELAY"])
    if isinstance(content, SMS) and content.text != message.text:
        encoding, segments = (measure if message.otp_id is None else measured)(content.text)
        values |= {"new_text": content.text, "new_encoding": encoding, "new_segments": segments}
    return values
