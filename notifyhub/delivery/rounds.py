"""Rounds: a message is claimed and given to its notifiers, one after the other, until the round is decided.

    claim ─► next notifier ──────────► breaker open: it rests ─► next notifier
                  │
                  ▼
              attempt ─► accepted ───────────────────────────────────► sent
                  │  └─► temporary, or not served here ──────────────► next notifier
                  └────► permanent, or uncertain ────────────────────► decided, see retry_policy
              no notifier left ──────────────────────────────────────► decided, see retry_policy

What is decided is either final or the moment of the next round.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import partial

from notifyhub.database import connections
from notifyhub.database.base import now
from notifyhub.delivery import circuit_breaker, claims, journal, one_time_codes, outcomes, policies, routing
from notifyhub.delivery.claims import ClaimedMessage
from notifyhub.delivery.notifier_clients import NotifierClient, backend_for, missing_client
from notifyhub.delivery.outcomes import FinishedAttempt
from notifyhub.delivery.retry_policy import RestingNotifier, Result, RoundDecision, decide, goes_on, in_time
from notifyhub.delivery.routing import PassedOver, Route
from notifyhub.jobs.leases import CLAIM_RETRIED_SECONDS, persist
from notifyhub.messages.models import Channel, MessageStatus
from notifyhub.providers.base import Accepted
from notifyhub.providers.boundary import hand_over
from notifyhub.providers.errors import MAX_DETAIL_LENGTH, Broken, Failure, NotServedHere, Uncertain


def deliver(message_id: int) -> None:
    """Claim a message and give it one round; nothing is done if it is not due or another worker has it.

    While a provider is called, no connection to the database is held.
    """
    message = connections.persist(lambda: claims.claim(message_id), CLAIM_RETRIED_SECONDS)
    if message is None:
        return
    current = _Round(message)
    try:
        held = current.run()
    except Exception as error:  # the message must not wait until its worker is taken for dead
        if connections.is_out_of_reach(error):
            raise
        journal.broken_off(message, error)
        held = current.break_off(error)
    if not held:
        journal.lease_lost(message)


@dataclass
class _Round:
    """A round under way.

    `failures` are those of its attempts, `resting` and `passed_over` the notifiers that were not tried,
    `client` is the last one that was. `attempt_id` is the attempt that is not recorded as ended, `finished`
    how it ended, once that is known.
    """

    message: ClaimedMessage
    failures: list[Failure] = field(default_factory=list)
    resting: list[RestingNotifier] = field(default_factory=list)
    passed_over: list[Route] = field(default_factory=list)
    client: NotifierClient | None = None
    attempt_id: int | None = None
    finished: FinishedAttempt | None = None

    def run(self) -> bool:
        """Try the notifiers in their order; False if the lease was lost."""
        self.attempt_id = self.message.attempt_id
        for route in self._routes():
            if isinstance(route.content, PassedOver):
                journal.passed_over(self.message, route)
                self.passed_over.append(route)
                continue
            if now() >= self.message.expires_at:
                return self._finish(self._expired())
            # The attempt that was started with the claim needs no admission: the breaker was closed then.
            admission = circuit_breaker.Admission() if self.attempt_id else self._admit(route.client)
            if admission.open_until:
                self.resting.append(RestingNotifier(route.client.name, admission.open_until))
                continue
            self.attempt_id = self.attempt_id or self._start(route.client)
            if self.attempt_id is None:
                return False
            finished = self.finished = self._try(self.attempt_id, route)
            decision = self._decide_after(finished.result)
            if decision is not None:
                return self._finish(decision, is_probe=admission.is_probe)
            self._record(finished, is_probe=admission.is_probe)
        return self._finish(self._decide())

    def break_off(self, error: Exception) -> bool:
        """End the round in which the program itself has failed; False if the lease was lost.

        What a provider has taken is uncertain, if that could not be written together with what subscribers
        make of it.
        """
        accepted = self.finished is not None and isinstance(self.finished.result, Accepted)
        words = f"The service itself failed: {type(error).__name__}."
        failure = (Uncertain if accepted else Broken)("internal_error", words)
        if self.finished is not None and accepted:
            self.finished = replace(self.finished, result=failure)
        elif self.finished is None and self.attempt_id is not None:
            route = Route(self.client or _own_client(self.message), failure)
            self.finished = FinishedAttempt(self.attempt_id, route, failure, 0)
        self.failures.append(failure)
        return self._finish(self._decide())

    def _routes(self) -> Iterator[Route]:
        """Yield the message's own notifier, then its backups, which are looked up when they are needed."""
        own = self._own_route()
        if own:
            yield own
        client = own.client if own and own.client.row else None
        yield from persist(lambda: routing.backup_routes(self.message, client))

    def _own_route(self) -> Route | None:
        try:
            own = persist(lambda: routing.own_route(self.message))
        except Exception as error:  # such as settings that no key decrypts: a backup may do
            if connections.is_out_of_reach(error):
                raise
            journal.unprepared(self.message, "own notifier", error)
            words = f"The message could not be prepared: {type(error).__name__}."
            return Route(_own_client(self.message), Broken("internal_error", words))
        if own is None and self.attempt_id is not None:  # gone since it was claimed
            gone = NotServedHere("no_notifier", "The notifier was deleted.")
            return Route(_own_client(self.message), gone)
        return own

    def _admit(self, client: NotifierClient) -> circuit_breaker.Admission:
        if self.message.is_test:
            return circuit_breaker.Admission()
        return persist(lambda: circuit_breaker.try_acquire(client.channel, client.id))

    def _start(self, client: NotifierClient) -> int | None:
        return persist(lambda: claims.start_attempt(self.message, client.id, client.name))

    def _try(self, attempt_id: int, route: Route) -> FinishedAttempt:
        self.client = route.client
        self.message.attempts += 1
        started = time.monotonic()
        result = _hand_over(self.message, route)
        ms = round((time.monotonic() - started) * 1000)
        if isinstance(result, Failure):
            journal.attempt_failed(self.message, route.client, result, ms)
        return FinishedAttempt(attempt_id, route, result, ms)

    def _decide_after(self, result: Result) -> RoundDecision | None:
        """Return what the round comes to with an attempt's result; None if the next notifier is tried."""
        if isinstance(result, Accepted):
            return RoundDecision(MessageStatus.SENT, self.message.rounds + 1)
        if isinstance(result, one_time_codes.Over):
            expired = now() >= self.message.expires_at
            status = MessageStatus.EXPIRED if expired else MessageStatus.CANCELLED
            return RoundDecision(status, self.message.rounds, result)
        self.failures.append(result)
        return None if _goes_on(self.message, result) else self._decide()

    def _decide(self) -> RoundDecision:
        """Return what the round comes to in which no notifier took the message.

        A mail that is refused for good counts as sent where that is wished.
        """
        policy = persist(policies.in_force).policy
        decision = decide(self.failures, self.resting, self.message.rounds, policy, now())
        if self.message.otp_id is not None:
            decision = in_time(decision, self.message.expires_at)
        refused = bool(self.failures) and self.failures[-1].outcome == "permanent"
        if decision.status == MessageStatus.FAILED and refused and _fails_silently(self.client):
            return RoundDecision(MessageStatus.SENT, decision.rounds)
        if decision.error is None:
            return decision
        return replace(decision, error=_explain(decision.error, self.passed_over))

    def _expired(self) -> RoundDecision:
        failure = self.failures[-1] if self.failures else None
        return RoundDecision(MessageStatus.EXPIRED, self.message.rounds, failure)

    def _record(self, finished: FinishedAttempt, *, is_probe: bool) -> None:
        persist(lambda: outcomes.record(self.message, finished))
        self.attempt_id = self.finished = None
        if is_probe and outcomes.shows_health(finished):
            journal.recovered(finished.route.client)

    def _finish(self, decision: RoundDecision, *, is_probe: bool = False) -> bool:
        finished = self.finished
        held = persist(lambda: outcomes.finish(self.message, decision, finished))
        if held:
            self._log(decision, is_probe=is_probe)
        return held

    def _log(self, decision: RoundDecision, *, is_probe: bool) -> None:
        finished = self.finished
        if is_probe and finished and outcomes.shows_health(finished):
            journal.recovered(finished.route.client)
        if decision.status in {MessageStatus.FAILED, MessageStatus.EXPIRED}:
            journal.ended(self.message.id, decision.status, decision.rounds, decision.error)
        elif finished and isinstance(finished.result, Accepted):
            client = finished.route.client
            if client.id != self.message.home_notifier_id:
                journal.failed_over(self.message, client, self.failures, self.resting, self.passed_over)


def _hand_over(message: ClaimedMessage, route: Route) -> Result:
    if isinstance(route.content, Failure):
        return route.content
    if isinstance(route.content, PassedOver):
        return NotServedHere("passed_over", route.content.reason)
    try:
        content = replace(route.content, attempt=message.attempts)
        if message.otp_id is not None:
            content = persist(partial(one_time_codes.revealed, content, message.otp_id))
        backend = backend_for(route.client, is_test=message.is_test)
    except Failure as failure:
        return failure
    connections.release()
    return hand_over(backend, content)


def _goes_on(message: ClaimedMessage, failure: Failure) -> bool:
    """Return whether a backup is tried in the same round; a one-time password can't wait for certainty."""
    if isinstance(failure, Uncertain) and message.otp_id is not None:
        return persist(policies.in_force).policy.resend_uncertain
    return goes_on(failure)


def _own_client(message: ClaimedMessage) -> NotifierClient:
    return missing_client(message.channel, message.home_notifier_id)


def _fails_silently(client: NotifierClient | None) -> bool:
    return client is not None and client.channel == Channel.EMAIL and bool(client.row.get("fail_silently"))


def _explain(error: Failure, passed_over: list[Route]) -> Failure:
    """Return the error with the backups that could not be tried."""
    if not passed_over:
        return error
    words = [
        f"The backup {route.client.name} was passed over: {journal.reason(route)}." for route in passed_over
    ]
    return Failure(error.code, " ".join(filter(None, [error.detail, *words]))[:MAX_DETAIL_LENGTH])
