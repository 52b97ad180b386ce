"""Delivering: one round of one message, from the claim to its end."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from flask import current_app

from notifyhub.database.base import now
from notifyhub.delivery import breakers, claims, codes, connections, outcomes, policies, routes
from notifyhub.delivery.backends.failures import Failure, Uncertain
from notifyhub.delivery.backends.interface import SMS, Accepted, Email
from notifyhub.delivery.carriers import Carrier, backend_for
from notifyhub.delivery.claims import Claim
from notifyhub.delivery.outcomes import Try
from notifyhub.delivery.rounds import Ending, Result, ending, goes_on, in_time
from notifyhub.delivery.routes import Route
from notifyhub.messages.models import Channel, Status

T = TypeVar("T")

CLAIM_SECONDS = 5.0
"""How long a claim is tried while the database can't be reached; the sweep brings the message back."""


def deliver(message_id: int) -> None:
    """Claim a message and give it one round; nothing is done if it is not due or somebody has it.

    While a provider is talked to, no connection to the database is held.
    """
    claim = connections.persist(lambda: claims.claim(message_id), CLAIM_SECONDS)
    if claim is not None and not _round(claim):
        current_app.logger.warning("The lease of message %s was over when its outcome was written", claim.id)


def _round(claim: Claim) -> bool:
    """Try the notifiers in their order; False if the lease was lost."""
    failures: list[Failure] = []
    wakes: list[datetime] = []
    last: Carrier | None = None
    for route in _routes(claim):
        if now() >= claim.expires_at:
            return _finish(claim, Ending(Status.EXPIRED, claim.rounds, failures[-1] if failures else None))
        if claim.attempt is None and (wake := _wake(claim, route.carrier)):
            wakes.append(wake)
            continue
        attempt = claim.attempt or _start(claim, route.carrier)
        if attempt is None:
            return False
        claim.attempt, last = None, route.carrier
        tried = _try(claim, attempt, route)
        if isinstance(tried.result, Accepted):
            return _finish_with(claim, Ending(Status.SENT, claim.rounds + 1), tried)
        if isinstance(tried.result, codes.Over):
            return _finish_with(claim, _over(claim, tried.result), tried)
        failures.append(tried.result)
        if not _goes_on(claim, tried.result):
            return _finish_with(claim, _ending(claim, failures, wakes, last), tried)
        _persist(lambda tried=tried: outcomes.record(claim, tried))  # type: ignore[misc]
    return _finish(claim, _ending(claim, failures, wakes, last))


def _routes(claim: Claim) -> Iterator[Route]:
    """Yield the message's own notifier, then its backups, which are looked up when they are needed."""
    home = _persist(lambda: routes.home_route(claim))
    if home:
        yield home
    yield from _persist(lambda: routes.backup_routes(claim, home.carrier if home else None))


def _wake(claim: Claim, carrier: Carrier) -> datetime | None:
    """Return when a resting notifier wakes; None if this message may try it."""
    if claim.is_test:
        return None
    return _persist(lambda: breakers.wake(carrier.channel, carrier.id))


def _start(claim: Claim, carrier: Carrier) -> int | None:
    return _persist(lambda: claims.start_attempt(claim, carrier.id, carrier.name))


def _try(claim: Claim, attempt: int, route: Route) -> Try:
    claim.attempts += 1
    started = time.monotonic()
    result = _hand_over(claim, route)
    return Try(attempt, route, result, round((time.monotonic() - started) * 1000))


def _hand_over(claim: Claim, route: Route) -> Result:
    if isinstance(route.content, Failure):
        return route.content
    try:
        content = replace(route.content, attempt=claim.attempts)
        if claim.otp_id is not None:
            content = _revealed(content, claim.otp_id)
        accepted: Accepted = backend_for(route.carrier, is_test=claim.is_test).send(content)
    except Failure as failure:
        return failure
    return accepted


def _revealed(content: SMS | Email, otp_id: int) -> SMS | Email:
    return _persist(lambda: codes.revealed(content, otp_id))


def _over(claim: Claim, failure: Failure) -> Ending:
    expired = now() >= claim.expires_at
    return Ending(Status.EXPIRED if expired else Status.CANCELLED, claim.rounds, failure)


def _goes_on(claim: Claim, failure: Failure) -> bool:
    """Tell whether a backup is tried in the same round; a one-time password can't wait for certainty."""
    if isinstance(failure, Uncertain) and claim.otp_id is not None:
        return _persist(policies.in_force).policy.resend_uncertain
    return goes_on(failure)


def _ending(claim: Claim, failures: list[Failure], wakes: list[datetime], last: Carrier | None) -> Ending:
    """Return what the round comes to; a mail that is refused for good counts as sent where that is wished."""
    policy = _persist(policies.in_force).policy
    end = ending(failures, wakes, claim.rounds, policy, now())
    if claim.otp_id is not None:
        end = in_time(end, claim.expires_at)
    refused = end.status == Status.FAILED and failures and failures[-1].outcome == "permanent"
    if refused and last and last.channel == Channel.EMAIL and last.row["fail_silently"]:
        return Ending(Status.SENT, end.rounds)
    return end


def _finish(claim: Claim, end: Ending) -> bool:
    return _persist(lambda: outcomes.finish(claim, end))


def _finish_with(claim: Claim, end: Ending, tried: Try) -> bool:
    return _persist(lambda: outcomes.finish_with(claim, end, tried))


def _persist(work: Callable[[], T]) -> T:
    return connections.persist(work, current_app.config["LEASE_SECONDS"])
