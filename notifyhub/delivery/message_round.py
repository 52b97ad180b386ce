"""The round of one message: by which notifiers it may go, and what their answers make of it."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from notifyhub.database import connections
from notifyhub.database.base import now
from notifyhub.delivery import journal, one_time_codes, outcomes, policies, routing
from notifyhub.delivery.claims import ClaimedMessage
from notifyhub.delivery.notifier_clients import NotifierClient, missing_client
from notifyhub.delivery.outcomes import FinishedAttempt
from notifyhub.delivery.retry_policy import RestingNotifier, Result, RoundDecision, decide, goes_on, in_time
from notifyhub.delivery.routing import PassedOver, Route
from notifyhub.jobs.leases import persist
from notifyhub.messages.models import Channel, MessageStatus
from notifyhub.providers.base import SMS, Accepted, Email
from notifyhub.providers.errors import MAX_DETAIL_LENGTH, Broken, Failure, NotServedHere, Temporary, Uncertain

STOPPED = Temporary("worker_stopped", "The worker was stopped before it made the next attempt.")
LONGEST_WAIT = timedelta(seconds=60)
"""For a notifier that may be called only so often."""


@dataclass(eq=False)
class MessageRound:
    """A round under way; `decision` is what it has come to.

    `failures` are those of its attempts, `resting` and `passed_over` the notifiers that were not tried,
    `client` is the last one that was. `attempt_id` is the attempt that is not recorded as ended, 0 if there
    is none, `finished` how it ended, once that is known; `is_probe`, whether it probes a notifier whose
    breaker was open.
    """

    message: ClaimedMessage
    failures: list[Failure] = field(default_factory=list)
    resting: list[RestingNotifier] = field(default_factory=list)
    passed_over: list[Route] = field(default_factory=list)
    client: NotifierClient | None = None
    attempt_id: int = 0
    finished: FinishedAttempt | None = None
    is_probe: bool = False
    decision: RoundDecision | None = None

    def __post_init__(self) -> None:
        self.attempt_id = self.message.attempt_id or 0
        self._routes = self._in_order()
        self._next: Route | None = None

    def next_route(self) -> Route | None:
        """Return the route to try next, the same until that is done; None, with a decision, if there is none.

        Raises what reading the database raises.
        """
        while self.decision is None:
            if self._next is None:
                self._next = next(self._routes, None)
            if self._next is None:
                self.decision = self._decide()
            elif isinstance(self._next.content, PassedOver):
                journal.passed_over(self.message, self._next)
                self.passed_over.append(self._next)
                self._next = None
            elif now() >= self.message.expires_at:
                failure = self.failures[-1] if self.failures else None
                self.decision = RoundDecision(MessageStatus.EXPIRED, self.message.rounds, failure)
            else:
                return self._next
        return None

    def route_content(self) -> SMS | Email | Failure:
        """Return what the notifier of the next route is given to send, or why it can't be given that."""
        content = self._next.content if self._next else PassedOver("there is none")
        return NotServedHere("passed_over", content.reason) if isinstance(content, PassedOver) else content

    def rest(self, client: NotifierClient, until: datetime) -> None:
        """Pass over the next route, whose notifier rests."""
        self.resting.append(RestingNotifier(client.name, until))
        self._next = None

    def wait(self, client: NotifierClient, until: datetime) -> None:
        """Have the message wait for its own notifier, which may not be called before a moment.

        One-time passwords can't wait, and no message waits for a backup: they go on to the next notifier. It
        comes back after a minute at the latest, as the notifier may be called more often by then.
        """
        if client.id != self.message.home_notifier_id or self.message.otp_id is not None:
            self.rest(client, until)
            return
        words = f"The notifier {client.name} may be called again from {until:%Y-%m-%dT%H:%M:%S.%fZ} on."
        failure = Temporary("rate_limited", words)
        self.attempt_id = 0
        soon = min(until, now() + LONGEST_WAIT)
        self.decision = RoundDecision(MessageStatus.SENDING, self.message.rounds, failure, soon)

    def put_back(self) -> None:
        """End the round before its next attempt: another worker begins it anew."""
        self.decision = RoundDecision(MessageStatus.SENDING, self.message.rounds, STOPPED, now())

    def take(self, result: Result, ms: int, *, counts: bool) -> None:
        """Take a provider's answer to the attempt on the next route, which took so many milliseconds."""
        route, self._next = self._next, None
        if route is None:
            return
        self.finished = FinishedAttempt(self.attempt_id, route, result, ms, counts=counts)
        if isinstance(result, Failure):
            journal.attempt_failed(self.message, route.client, result, ms)
        self.decision = self._decide_after(result)

    def recorded(self) -> None:
        """Go on: the last attempt is recorded."""
        self._log_recovery()
        self.attempt_id, self.finished, self.is_probe = 0, None, False

    def break_off(self, error: Exception) -> None:
        """Decide the round in which the program itself has failed.

        What a provider has taken is uncertain, if that could not be written together with what subscribers
        make of it.
        """
        journal.broken_off(self.message, error)
        accepted = self.finished is not None and isinstance(self.finished.result, Accepted)
        words = f"The service itself failed: {type(error).__name__}."
        failure = (Uncertain if accepted else Broken)("internal_error", words)
        if self.finished is not None and accepted:
            self.finished = replace(self.finished, result=failure)
        elif self.finished is None and self.attempt_id:
            route = Route(self.client or _own_client(self.message), failure)
            self.finished = FinishedAttempt(self.attempt_id, route, failure, 0)
        self.failures.append(failure)
        self.decision = self._decide()

    def log_end(self, decision: RoundDecision) -> None:
        """Say in the log what the round has come to, once that is written."""
        self._log_recovery()
        finished = self.finished
        if decision.status in {MessageStatus.FAILED, MessageStatus.EXPIRED}:
            journal.ended(self.message, decision.status, decision.rounds, decision.error)
        elif finished and isinstance(finished.result, Accepted):
            client = finished.route.client
            if finished.result.refusal:
                journal.copies_refused(self.message, client, finished.result.refusal)
            if client.id != self.message.home_notifier_id:
                journal.failed_over(self.message, client, self.failures, self.resting, self.passed_over)

    def _log_recovery(self) -> None:
        if self.is_probe and self.finished and outcomes.shows_health(self.finished):
            journal.recovered(self.finished.route.client)

    def _in_order(self) -> Iterator[Route]:
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
        if own is None and self.attempt_id:  # gone since it was claimed
            gone = NotServedHere("no_notifier", "The notifier was deleted.")
            return Route(_own_client(self.message), gone)
        return own

    def _decide_after(self, result: Result) -> RoundDecision | None:
        """Return what the round comes to with an attempt's result; None if the next notifier is tried."""
        if isinstance(result, Accepted):
            return RoundDecision(MessageStatus.SENT, self.message.rounds + 1, result.refusal)
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
