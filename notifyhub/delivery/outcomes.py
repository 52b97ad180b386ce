"""Outcomes: what is written when an attempt, or a round, has ended."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask import current_app
from sqlalchemy import ColumnElement, bindparam, func, update

from notifyhub.database.base import now, table_of
from notifyhub.database.bulk_change import BulkChange
from notifyhub.database.connections import autocommit, transaction
from notifyhub.delivery import circuit_breaker, journal, one_time_codes, rate_limits
from notifyhub.delivery.claims import ClaimedMessage
from notifyhub.delivery.figures import Notifier, figures
from notifyhub.delivery.group_writer import GroupWriter
from notifyhub.delivery.notifier_clients import NotifierClient, report_batch
from notifyhub.delivery.retry_policy import Result, RoundDecision
from notifyhub.delivery.routing import Route
from notifyhub.jobs import leases
from notifyhub.messages.events import CHANGED, publish_changes
from notifyhub.messages.models import Attempt, Message, MessageStatus, Outcome
from notifyhub.providers.base import SMS, Accepted
from notifyhub.providers.errors import Broken, Failure, NotifierTrouble, RateLimited, Uncertain
from notifyhub.text.code_masks import measured
from notifyhub.text.segments import measure

messages, attempts = table_of(Message), table_of(Attempt)

ACCEPTED = (
    *("notifier_id", "notifier_name", "provider_message_id", "report_due_at"),
    *("text", "encoding", "segments"),
)
"""The columns that show who took a message, and what that was given."""

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


def _changed(column: str) -> ColumnElement[Any]:
    """Return a column's new value; where none is given, its old one."""
    return func.coalesce(bindparam(f"new_{column}", type_=messages.c[column].type), messages.c[column])


_release = (
    update(messages)
    .where(messages.c.id == bindparam("ended_id"), leases.held(messages))
    .values(
        **leases.RELEASED,
        status=bindparam("new_status"),
        rounds=bindparam("new_rounds"),
        next_attempt_at=bindparam("new_next_attempt_at"),
        error_code=bindparam("new_error_code"),
        error_detail=bindparam("new_error_detail"),
        updated_at=leases.NOW,
        **{column: _changed(column) for column in ("sent_at", *ACCEPTED)},
    )
)

# Of what has not happened, an attempt or an acceptance, the values are null, and nothing is changed by them.
_end_round = BulkChange(_release, returning=CHANGED, along=[_end_attempt, circuit_breaker.close])
_NO_ATTEMPT = dict.fromkeys(
    ("attempt_id", "attempt_outcome", "attempt_ms", "attempt_error_code", "attempt_error_detail")
)
_NOT_ACCEPTED = dict.fromkeys(
    ("breaker_channel", "breaker_notifier_id", *(f"new_{column}" for column in ACCEPTED))
)


@dataclass(frozen=True)
class FinishedAttempt:
    """An attempt that has ended: its id, the route it took, how it ended, in how many milliseconds.

    `counts` is false if another one of the same call to the provider tells the circuit breaker the same.
    """

    id: int
    route: Route
    result: Result
    ms: int
    counts: bool = True


@dataclass(frozen=True)
class FinishedRound:
    """What a round came to, and its last attempt; None if all its attempts are recorded."""

    message: ClaimedMessage
    decision: RoundDecision
    attempt: FinishedAttempt | None


def record(attempts: Sequence[tuple[ClaimedMessage, FinishedAttempt]]) -> None:
    """Write how attempts ended after which their rounds go on."""
    autocommit().execute(_end_attempt, [_attempt_values(attempt) for _, attempt in attempts])
    for message, attempt in attempts:
        _count(message, attempt)


def finish(rounds: Sequence[FinishedRound]) -> Sequence[bool]:
    """Write what rounds came to, and how their last attempts ended; False for one whose lease was lost.

    An accepted message shows who took it and what that was given. What has to wait while others are written
    is written with them; not one-time passwords.
    """
    values = [_values(each) for each in rounds]
    urgent = any(each.message.otp_id is not None for each in rounds)
    held = (write if urgent else writer().write)(values)
    for each in rounds:
        if each.attempt is not None:
            _count(each.message, each.attempt)
    return held


def write(rounds: Sequence[Mapping[str, Any]]) -> list[bool]:
    """Write the ends of rounds, and what their subscribers make of them, in one transaction.

    False for one whose lease the worker does not have any more: then the recovery, or another worker, has
    decided.
    """
    with transaction() as connection:
        rows = _end_round.all(connection, rounds)
        publish_changes(connection, filter(None, rows))
    return [row is not None for row in rows]


def writer() -> GroupWriter[Mapping[str, Any], bool]:
    """Return the application's writer of the ends of rounds."""
    found: GroupWriter[Mapping[str, Any], bool] = current_app.extensions["outcome_writer"]
    return found


def shows_health(attempt: FinishedAttempt) -> bool:
    """Return whether an attempt has shown that its notifier answers properly."""
    says_nothing = NotifierTrouble | Broken | Uncertain | one_time_codes.Over
    return not isinstance(attempt.route.content, Failure) and not isinstance(attempt.result, says_nothing)


def _count(message: ClaimedMessage, attempt: FinishedAttempt) -> None:
    """Count a notifier's failure, or forget its failures; messages of test tokens say nothing about it."""
    if message.is_test:
        return
    client, was_called = attempt.route.client, not isinstance(attempt.route.content, Failure)
    failure = attempt.result if isinstance(attempt.result, Failure) else None
    notifier = Notifier(client.channel, client.id)
    figures().count_attempt(notifier, failure, attempt.ms if was_called else None)
    if not attempt.counts or not was_called:
        return
    if isinstance(attempt.result, Accepted):  # which has closed the breaker already
        if message.is_paced:
            rate_limits.accepted(client.channel, client.id, client.max_per_second)
        return
    if isinstance(attempt.result, RateLimited) and not _slow_down(client, attempt.result):
        return
    if isinstance(attempt.result, NotifierTrouble):
        if opening := circuit_breaker.record_failure(autocommit(), client.channel, client.id):
            journal.breaker_opened(client, opening, attempt.result.code)
    elif shows_health(attempt):
        autocommit().execute(circuit_breaker.close, circuit_breaker.named(client.channel, client.id))


def _slow_down(client: NotifierClient, result: RateLimited) -> bool:
    """Slow down a notifier that was called too often; return whether that counts as its failure by now."""
    slowed = rate_limits.slow_down(client.channel, client.id, client.max_per_second, result.retry_after)
    journal.slowed_down(client, slowed)
    return slowed.is_failure


def _values(round_: FinishedRound) -> dict[str, Any]:
    message, attempt = round_.message, round_.attempt
    values = _round_values(message, round_.decision) | _NO_ATTEMPT | _NOT_ACCEPTED
    if attempt is not None:
        values |= _attempt_values(attempt)
        if isinstance(attempt.result, Accepted):
            values |= _accepted_values(message, attempt, attempt.result, values["now"])
    return values


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
        "ended_id": message.id,
        "token": message.lease_token,
        "now": at,
        "new_status": decision.status,
        "new_rounds": decision.rounds,
        "new_sent_at": at if decision.status == MessageStatus.SENT else None,
        # Not beyond its expiry, so that the recovery finds it then.
        "new_next_attempt_at": next_attempt_at and min(next_attempt_at, message.expires_at),
        "new_error_code": decision.error and decision.error.code,
        "new_error_detail": decision.error and decision.error.detail,
    }


def _accepted_values(
    message: ClaimedMessage, attempt: FinishedAttempt, accepted: Accepted, at: datetime
) -> dict[str, Any]:
    client, content = attempt.route.client, attempt.route.content
    values: dict[str, Any] = {
        "new_notifier_id": client.id,
        "new_notifier_name": client.name,
        "new_provider_message_id": accepted.provider_message_id,
    }
    if not message.is_test:
        values |= circuit_breaker.named(client.channel, client.id)
    if report_batch(client, is_test=message.is_test):
        values["new_report_due_at"] = at + timedelta(seconds=current_app.config["REPORT_DELAY"])
    if isinstance(content, SMS) and content.text != message.text:
        encoding, segments = (measure if message.otp_id is None else measured)(content.text)
        values |= {"new_text": content.text, "new_encoding": encoding, "new_segments": segments}
    return values
