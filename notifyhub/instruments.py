"""Instruments: what a process counts and times, for Prometheus.

All have labels, so that none keeps a value before a process has chosen where, see shared_instruments. No
label holds what a client gives: their values are few.
"""

from functools import cache
from typing import TypeVar

from prometheus_client import CollectorRegistry, Counter, Histogram, values

I = TypeVar("I", Counter, Histogram)  # noqa: E741 - an instrument

# Whatever the library has chosen when it was imported.
values.ValueClass = values.MutexValue

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER = "other"

_QUICK = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_CALLS = (0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_WAITS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 7200.0, 86400.0)

registry = CollectorRegistry()
"""The instruments of a process that shares none."""

_requests = Counter(
    "notifyhub_http_requests",
    "Requests that were answered, by the route that they took.",
    ("method", "route", "status"),
    registry=registry,
)
_request_seconds = Histogram(
    "notifyhub_http_request_duration_seconds",
    "How long requests took to be answered.",
    ("method", "route"),
    buckets=_QUICK,
    registry=registry,
)
_messages = Counter(
    "notifyhub_messages",
    "Messages that were stored (queued, scheduled) or have reached another status.",
    ("channel", "notifier", "status"),
    registry=registry,
)
_sent_seconds = Histogram(
    "notifyhub_message_sent_seconds",
    "From the moment at which a message was accepted, or was to be sent, until a provider took it.",
    ("channel",),
    buckets=_WAITS,
    registry=registry,
)
_delivered_seconds = Histogram(
    "notifyhub_message_delivered_seconds",
    "From the moment at which a message was accepted, or was to be sent, until it was reported as delivered.",
    ("channel",),
    buckets=_WAITS,
    registry=registry,
)
_attempts = Counter(
    "notifyhub_attempts",
    "Attempts to hand a message to a notifier's provider, by how they ended.",
    ("channel", "notifier", "outcome"),
    registry=registry,
)
_attempt_seconds = Histogram(
    "notifyhub_attempt_duration_seconds",
    "How long providers took for attempts.",
    ("channel", "notifier"),
    buckets=_CALLS,
    registry=registry,
)
_codes = Counter(
    "notifyhub_codes_sent",
    "One-time passwords that were asked for: new ones, and pending ones that were sent again.",
    ("channel", "kind"),
    registry=registry,
)
_guesses = Counter(
    "notifyhub_code_guesses",
    "Guesses at one-time passwords, by their result: verified, or the reason why not.",
    ("result",),
    registry=registry,
)
_webhook_attempts = Counter(
    "notifyhub_webhook_attempts",
    "Attempts to deliver an event: delivered, failed (given up) or pending (tried again later).",
    ("result",),
    registry=registry,
)
_webhook_seconds = Histogram(
    "notifyhub_webhook_attempt_duration_seconds",
    "How long receivers of webhooks took to answer.",
    ("result",),
    buckets=_CALLS,
    registry=registry,
)
_webhook_lag = Histogram(
    "notifyhub_webhook_lag_seconds",
    "From an event until its receiver had it.",
    ("event",),
    buckets=_WAITS,
    registry=registry,
)
ALL = (
    *(_requests, _messages, _attempts, _codes, _guesses, _webhook_attempts),
    *(_request_seconds, _sent_seconds, _delivered_seconds, _attempt_seconds),
    *(_webhook_seconds, _webhook_lag),
)
"""All instruments."""


def count_request(method: str, route: str | None, status: int, seconds: float) -> None:
    """Count an answered request; `route` is its URL's rule, None if there is none for it."""
    requests, durations = _of_request(method if method in METHODS else OTHER, route or OTHER, status)
    requests.inc()
    durations.observe(seconds)


def count_message(channel: str, notifier_id: int, status: str) -> None:
    """Count a message that has reached a status."""
    _of(_messages, channel, notifier_id, status).inc()


def observe_sent(channel: str, seconds: float) -> None:
    """Note after how long a provider took a message."""
    _of(_sent_seconds, channel).observe(seconds)


def observe_delivered(channel: str, seconds: float) -> None:
    """Note after how long a message was reported as delivered."""
    _of(_delivered_seconds, channel).observe(seconds)


def count_attempt(channel: str, notifier_id: int, outcome: str, ms: int | None) -> None:
    """Count an attempt that has ended; `ms` is None if it was not seen how long it took."""
    _of(_attempts, channel, notifier_id, outcome).inc()
    if ms is not None:
        _of(_attempt_seconds, channel, notifier_id).observe(ms / 1000)


def count_code(channel: str, *, is_new: bool) -> None:
    """Count a one-time password that was asked for."""
    _of(_codes, channel, "new" if is_new else "again").inc()


def count_guess(result: str) -> None:
    """Count a guess."""
    _of(_guesses, result).inc()


def count_webhook_attempt(result: str, ms: int) -> None:
    """Count an attempt to deliver an event."""
    _of(_webhook_attempts, result).inc()
    _of(_webhook_seconds, result).observe(ms / 1000)


def observe_webhook_lag(event: str, seconds: float) -> None:
    """Note after how long a receiver had an event."""
    _of(_webhook_lag, event).observe(seconds)


@cache
def _of_request(method: str, route: str, status: int) -> tuple[Counter, Histogram]:
    return _requests.labels(method, route, status), _request_seconds.labels(method, route)


@cache
def _of(instrument: I, *labels: str | int) -> I:
    return instrument.labels(*labels)
