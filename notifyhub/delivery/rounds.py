"""Delivering: one round of one message, from the claim to its end."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import TypeVar

from flask import current_app

from notifyhub.database import connections
from notifyhub.database.base import now
from notifyhub.delivery import circuit_breaker, claims, journal, one_time_codes, outcomes, policies, routing
from notifyhub.delivery.claims import ClaimedMessage
from notifyhub.delivery.notifier_clients import NotifierClient, backend_for, missing_client
from notifyhub.delivery.outcomes import FinishedAttempt
from notifyhub.delivery.retry_policy import RestingNotifier, Result, RoundDecision, decide, goes_on, in_time
from notifyhub.delivery.routing import PassedOver, Route
from notifyhub.messages.models import Channel, MessageStatus
from notifyhub.providers.base import SMS, Accepted, Email
from notifyhub.providers.boundary import hand_over
from notifyhub.providers.errors import DETAIL_LENGTH, Broken, Failure, NotServedHere, Uncertain

T = TypeVar("T")

CLAIM_SECONDS = 5.0
"""How long a claim is tried while the database can't be reached; the sweep brings the message back."""


def deliver(message_id: int) -> None:
    """Claim a message and give it one round; nothing is done if it is not due or somebody has it.

    While a provider is talked to, no connection to the database is held.
    """
    claim = connections.persist(lambda: claims.claim(message_id), CLAIM_SECONDS)
    if claim is None:
        return
    this = _Round(claim)
    try:
        kept = this.run()
    except Exception as error:  # the message must not wait until its worker is taken for dead
        if connections.is_out_of_reach(error):
            raise
        journal.broken_off(claim, error)
        kept = this.break_off(error)
    if not kept:
        journal.lease_lost(claim)


@dataclass
class _Round:
    """A round under way: what came of the notifiers that were reached so far, and who was asked last.

    `attempt` is the one that is not written down as ended, `tried` how it ended, once that is known.
    """

    claim: ClaimedMessage
    failures: list[Failure] = field(default_factory=list)
    rests: list[RestingNotifier] = field(default_factory=list)
    passed: list[Route] = field(default_factory=list)
    last: NotifierClient | None = None
    attempt: int | None = None
    tried: FinishedAttempt | None = None

    def run(self) -> bool:
        """Try the notifiers in their order; False if the lease was lost."""
        claim = self.claim
        self.attempt = claim.attempt
        for route in self._routes():
            if isinstance(route.content, PassedOver):
                journal.passed_over(claim, route)
                self.passed.append(route)
                continue
            if now() >= claim.expires_at:
                last = self.failures[-1] if self.failures else None
                return self._finish(RoundDecision(MessageStatus.EXPIRED, claim.rounds, last))
            state = circuit_breaker.Admission() if self.attempt else self._admit(route.carrier)
            if state.open_until:
                self.rests.append(RestingNotifier(route.carrier.name, state.open_until))
                continue
            self.attempt = self.attempt or self._start(route.carrier)
            if self.attempt is None:
                return False
            self.last = route.carrier
            self.tried = self._try(self.attempt, route)
            end = self._end_with(self.tried)
            if end is not None:
                return self._finish(end, probes=state.is_probe)
            self._record(self.tried, probes=state.is_probe)
        return self._finish(self._end())

    def break_off(self, error: Exception) -> bool:
        """End the round in which the program itself has failed; False if the lease was lost.

        What a provider has taken is uncertain, if that could not be written down together with what others
        want to be told of it.
        """
        taken = self.tried is not None and isinstance(self.tried.result, Accepted)
        words = f"The service itself failed: {type(error).__name__}."
        failure = (Uncertain if taken else Broken)("internal_error", words)
        if self.tried is not None and taken:
            self.tried = replace(self.tried, result=failure)
        elif self.tried is None and self.attempt is not None:
            route = Route(self.last or _home(self.claim), failure)
            self.tried = FinishedAttempt(self.attempt, route, failure, 0)
        self.failures.append(failure)
        return self._finish(self._end())

    def _routes(self) -> Iterator[Route]:
        """Yield the message's own notifier, then its backups, which are looked up when they are needed."""
        home = self._home_route()
        if home:
            yield home
        carrier = home.carrier if home and home.carrier.row else None
        yield from _persist(lambda: routing.backup_routes(self.claim, carrier))

    def _home_route(self) -> Route | None:
        try:
            home = _persist(lambda: routing.home_route(self.claim))
        except Exception as error:  # such as settings that no key decrypts: a backup may do
            if connections.is_out_of_reach(error):
                raise
            journal.unprepared(self.claim, "own notifier", error)
            words = f"The message could not be prepared: {type(error).__name__}."
            return Route(_home(self.claim), Broken("internal_error", words))
        if home is None and self.attempt is not None:  # gone since it was claimed
            return Route(_home(self.claim), NotServedHere("no_notifier", "The notifier was deleted."))
        return home

    def _admit(self, carrier: NotifierClient) -> circuit_breaker.Admission:
        if self.claim.is_test:
            return circuit_breaker.Admission()
        return _persist(lambda: circuit_breaker.try_acquire(carrier.channel, carrier.id))

    def _start(self, carrier: NotifierClient) -> int | None:
        return _persist(lambda: claims.start_attempt(self.claim, carrier.id, carrier.name))

    def _try(self, attempt: int, route: Route) -> FinishedAttempt:
        self.claim.attempts += 1
        started = time.monotonic()
        result = _hand_over(self.claim, route)
        tried = FinishedAttempt(attempt, route, result, round((time.monotonic() - started) * 1000))
        if isinstance(result, Failure):
            journal.attempt_failed(self.claim, route.carrier, result, tried.ms)
        return tried

    def _end_with(self, tried: FinishedAttempt) -> RoundDecision | None:
        """Return what the round comes to with an attempt; None if it goes on."""
        result = tried.result
        if isinstance(result, Accepted):
            return RoundDecision(MessageStatus.SENT, self.claim.rounds + 1)
        if isinstance(result, one_time_codes.Over):
            return _over(self.claim, result)
        self.failures.append(result)
        return None if _goes_on(self.claim, result) else self._end()

    def _end(self) -> RoundDecision:
        """Return what the round comes to that nobody took.

        A mail that is refused for good counts as sent where that is wished.
        """
        policy = _persist(policies.in_force).policy
        end = decide(self.failures, self.rests, self.claim.rounds, policy, now())
        if self.claim.otp_id is not None:
            end = in_time(end, self.claim.expires_at)
        permanent = bool(self.failures) and self.failures[-1].outcome == "permanent"
        if end.status == MessageStatus.FAILED and permanent and self.last and _is_silent(self.last):
            return RoundDecision(MessageStatus.SENT, end.rounds)
        return replace(end, error=_explained(end.error, self.passed)) if end.error else end

    def _record(self, tried: FinishedAttempt, *, probes: bool) -> None:
        _persist(lambda: outcomes.record(self.claim, tried))
        self.attempt = self.tried = None
        if probes and outcomes.is_well(tried):
            journal.recovered(tried.route.carrier)

    def _finish(self, end: RoundDecision, *, probes: bool = False) -> bool:
        tried = self.tried
        if tried is None:
            kept = _persist(lambda: outcomes.finish(self.claim, end))
        else:
            kept = _persist(lambda: outcomes.finish_with(self.claim, end, tried))
        if kept:
            self._tell(end, probes=probes)
        return kept

    def _tell(self, end: RoundDecision, *, probes: bool) -> None:
        tried = self.tried
        if probes and tried and outcomes.is_well(tried):
            journal.recovered(tried.route.carrier)
        if end.status in {MessageStatus.FAILED, MessageStatus.EXPIRED}:
            journal.ended(self.claim.id, end.status, end.rounds, end.error)
        elif tried and isinstance(tried.result, Accepted):
            carrier = tried.route.carrier
            if carrier.id != self.claim.home_notifier_id:
                journal.failed_over(self.claim, carrier, self.failures, self.rests, self.passed)


def _hand_over(claim: ClaimedMessage, route: Route) -> Result:
    if isinstance(route.content, Failure):
        return route.content
    if isinstance(route.content, PassedOver):
        return NotServedHere("passed_over", route.content.reason)
    try:
        content = replace(route.content, attempt=claim.attempts)
        if claim.otp_id is not None:
            content = _revealed(content, claim.otp_id)
        backend = backend_for(route.carrier, is_test=claim.is_test)
    except Failure as failure:
        return failure
    connections.release()
    return hand_over(backend, content)


def _revealed(content: SMS | Email, otp_id: int) -> SMS | Email:
    return _persist(lambda: one_time_codes.revealed(content, otp_id))


def _over(claim: ClaimedMessage, failure: Failure) -> RoundDecision:
    expired = now() >= claim.expires_at
    return RoundDecision(MessageStatus.EXPIRED if expired else MessageStatus.CANCELLED, claim.rounds, failure)


def _goes_on(claim: ClaimedMessage, failure: Failure) -> bool:
    """Tell whether a backup is tried in the same round; a one-time password can't wait for certainty."""
    if isinstance(failure, Uncertain) and claim.otp_id is not None:
        return _persist(policies.in_force).policy.resend_uncertain
    return goes_on(failure)


def _home(claim: ClaimedMessage) -> NotifierClient:
    return missing_client(claim.channel, claim.home_notifier_id)


def _is_silent(carrier: NotifierClient) -> bool:
    return carrier.channel == Channel.EMAIL and bool(carrier.row.get("fail_silently"))


def _explained(error: Failure, passed: list[Route]) -> Failure:
    """Return the error with the backups that could not be tried."""
    if not passed:
        return error
    words = [f"The backup {route.carrier.name} was passed over: {journal.reason(route)}." for route in passed]
    return Failure(error.code, " ".join(filter(None, [error.detail, *words]))[:DETAIL_LENGTH])


def _persist(work: Callable[[], T]) -> T:
    return connections.persist(work, current_app.config["LEASE_SECONDS"])
