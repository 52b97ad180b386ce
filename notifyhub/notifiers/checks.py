"""Checks of notifiers: does the provider answer, and take the credentials?"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from notifyhub.notifiers.provider_calls import provider_call
from notifyhub.providers.base import Credit, Provider
from notifyhub.providers.boundary import ask
from notifyhub.providers.errors import Failure

CHECK_SECONDS = 10.0
"""How long a check takes at most."""

_MAX_EXACT_FLOAT = 2**53  # up to here a float holds every whole number
_UNITS = {"rial": "rials", "sms": "messages"}


@dataclass(frozen=True)
class Check:
    """What came of a check.

    `detail` holds the provider's own words where it refuses, `credit` what is left on the account where the
    provider tells it (in rials or in messages, as `detail` says), `latency_ms` how long the check took.
    """

    ok: bool
    detail: str
    credit: int | float | None
    latency_ms: int


def check(make_backend: Callable[[], Provider[Any]], *, test: bool = False) -> Check:
    """Talk to a notifier's provider, sending nothing.

    For a test token the settings are looked at, but the provider is not called. Raises TooManyRequests if too
    many such calls are under way.
    """
    begun = time.monotonic()
    ok, credit = True, None
    try:
        backend = make_backend()
        if test:
            detail = "With a test token the provider is not called."
        else:
            with provider_call(CHECK_SECONDS):
                detail, credit = ask(lambda: _describe(backend.check()))
    except Failure as failure:
        ok, detail = False, failure.detail or failure.code
    return Check(ok, detail, credit, latency_ms=round((time.monotonic() - begun) * 1000))


def _describe(credit: Credit | None) -> tuple[str, int | float | None]:
    """Return a successful check's words and credit; fails where a provider has returned no Credit."""
    words = "The provider takes the notifier's account."
    if credit is None:
        return words, None
    amount = float(credit.amount)
    is_whole = amount.is_integer() and abs(amount) < _MAX_EXACT_FLOAT
    return f"{words} The credit is in {_UNITS[credit.unit]}.", int(amount) if is_whole else amount
