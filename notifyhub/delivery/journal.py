"""What the log says of deliveries: one line each, with ids and reasons.

Never a recipient, a text, an argument or a secret: a provider's words may hold them, so its failures are
named by their codes. What many messages would say alike is said once in a while.
"""

import logging
from collections.abc import Sequence
from typing import Protocol

from notifyhub.delivery.circuit_breaker import Opening
from notifyhub.delivery.claims import ClaimedMessage
from notifyhub.delivery.notifier_clients import NotifierClient
from notifyhub.delivery.rate_limits import SlowDown
from notifyhub.delivery.retry_policy import RestingNotifier
from notifyhub.delivery.routing import PassedOver, Route
from notifyhub.logs import LogThrottle, of_request, outline
from notifyhub.providers.errors import Broken, Failure, NotifierTrouble, Uncertain, quote

log = logging.getLogger("notifyhub.delivery")

_OWN_WORDS = {"unreachable", "bad_settings", "unknown_backend", "backend_error", "internal_error"}
"""The codes whose details are ours, and tell the operator more than the code does."""

_repeated = LogThrottle(30.0)


class Named(Protocol):
    """A message as its line names it, by its own id and the one of the request that made it."""

    @property
    def id(self) -> int: ...

    @property
    def request_id(self) -> str | None: ...


def attempt_failed(message: ClaimedMessage, client: NotifierClient, failure: Failure, ms: int) -> None:
    """Log how an attempt has ended that was not accepted."""
    severe = isinstance(failure, NotifierTrouble | Broken | Uncertain)
    words = f" ({quote(failure.detail, [message.recipient])})" if failure.code in _OWN_WORDS else ""
    log.log(
        logging.WARNING if severe else logging.INFO,
        "Message %s was not taken by %s: %s, %s%s, after %s ms",
        message.id,
        _named(client),
        failure.outcome,
        failure.code,
        words,
        ms,
        extra=of_request(message.request_id),
    )


def copies_refused(message: ClaimedMessage, client: NotifierClient, refusal: Failure) -> None:
    """Log that a mail server took a mail, and not for all who get a copy."""
    log.info(
        "Message %s was taken by %s without all copies: %s",
        message.id,
        _named(client),
        refusal.code,
        extra=of_request(message.request_id),
    )


def ended(message: Named, status: str, rounds: int, error: Failure | None) -> None:
    """Log that a message will not go out."""
    log.warning(
        "Message %s has %s after %s rounds: %s",
        message.id,
        status,
        rounds,
        error and error.code,
        extra=of_request(message.request_id),
    )


def expired(message: Named, rounds: int, code: str | None) -> None:
    """Log that a message's time was over before a worker took it up."""
    log.warning(
        "Message %s has expired after %s rounds: %s",
        message.id,
        rounds,
        code,
        extra=of_request(message.request_id),
    )


def failed_over(
    message: ClaimedMessage,
    client: NotifierClient,
    failures: Sequence[Failure],
    resting: Sequence[RestingNotifier],
    passed: Sequence[Route],
) -> None:
    """Log that a backup took a message, and why not those before it; of resting ones once in a while."""
    if (
        failures
        or passed
        or _repeated.allows(("took over", message.channel, message.home_notifier_id, client.id))
    ):
        reasons = [failure.code for failure in failures]
        reasons += [f"{rest.notifier} rests" for rest in resting]
        reasons += [f"{route.client.name}: {reason(route)}" for route in passed]
        log.info(
            "Message %s was taken by the backup %s instead of %s notifier %s (%s)",
            message.id,
            _named(client),
            message.channel,
            message.home_notifier_id,
            "; ".join(reasons) or "it is gone",
            extra=of_request(message.request_id),
        )


def passed_over(message: ClaimedMessage, route: Route) -> None:
    """Log why a backup is not asked, once in a while."""
    if _repeated.allows((route.client.channel, route.client.id, route.content)):
        log.warning(
            "Message %s and others can't go by the backup %s: %s",
            message.id,
            _named(route.client),
            reason(route),
            extra=of_request(message.request_id),
        )


def reason(route: Route) -> str:
    """Return why a backup is passed over."""
    return route.content.reason if isinstance(route.content, PassedOver) else ""


def breaker_opened(client: NotifierClient, opening: Opening, code: str) -> None:
    """Log that a notifier's circuit breaker has opened."""
    log.warning(
        "The %s rests until %s after %s failures in a row, the last one %s",
        _named(client),
        opening.until.isoformat(),
        opening.failures,
        code,
    )


def slowed_down(client: NotifierClient, slowed: SlowDown) -> None:
    """Log that a provider was called too often, once in a while."""
    if _repeated.allows(("slowed down", client.channel, client.id)):
        log.warning(
            "The %s was called too often: it is paused until %s, and called less often then",
            _named(client),
            slowed.paused_until.isoformat(),
        )


def recovered(client: NotifierClient) -> None:
    """Log that a message has closed the circuit breaker of a notifier."""
    log.info("The %s has recovered", _named(client))


def worker_lost(message: Named, *, during_attempt: bool) -> None:
    """Log that a worker has died, or hung, while it had a message."""
    outcome = "uncertain, worker_lost" if during_attempt else "tried again"
    extra = of_request(message.request_id)
    log.warning("The worker of message %s has been lost: %s", message.id, outcome, extra=extra)


def lease_lost(message: ClaimedMessage) -> None:
    """Log that a worker was too slow."""
    extra = of_request(message.request_id)
    log.warning(
        "The lease of message %s was over when its outcome was to be written", message.id, extra=extra
    )


def broken_off(message: ClaimedMessage, error: BaseException) -> None:
    """Log that the program itself failed in a round."""
    extra = of_request(message.request_id)
    log.error("The round of message %s broke off: %s", message.id, outline(error), extra=extra)


def unprepared(message: ClaimedMessage, whose: str, error: BaseException) -> None:
    """Log that it could not be read what a notifier is to be given."""
    extra = of_request(message.request_id)
    log.error(
        "Message %s could not be prepared for its %s: %s", message.id, whose, outline(error), extra=extra
    )


def unreported(channel: str, notifier_id: int, failure: Failure) -> None:
    """Log that a provider did not answer what became of messages."""
    log.warning("No delivery reports from %s notifier %s: %s", channel, notifier_id, failure.code)


def undelivered(message: Named, code: str | None) -> None:
    """Log that a provider could not deliver a message that it had taken."""
    log.info("Message %s was not delivered: %s", message.id, code, extra=of_request(message.request_id))


def _named(client: NotifierClient) -> str:
    return f"{client.channel} notifier {client.id} ({client.name})"
