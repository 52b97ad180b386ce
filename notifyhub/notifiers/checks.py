"""Checks of notifiers: does the provider answer, and take the credentials, and can texts be sent?"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from notifyhub.database.columns import number
from notifyhub.notifiers.provider_calls import provider_call
from notifyhub.providers.base import Credit, Provider
from notifyhub.providers.boundary import ask
from notifyhub.providers.errors import Failure, NotifierTrouble

CHECK_SECONDS = 10.0
"""How long a check takes at most."""

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


def check(
    make_backend: Callable[[], Provider[Any]], *, sends_texts: bool = True, test: bool = False
) -> Check:
    """Talk to a notifier's provider, sending nothing.

    `sends_texts` says whether the settings are enough for texts, not for patterns alone; where they are not,
    the check fails, after what the provider has to say. For a test token the settings are looked at, but the
    provider is not called. Raises TooManyRequests if too many such calls are under way.
    """
    begun = time.monotonic()
    ok, credit = True, None
    try:
        detail, credit = _ask(make_backend(), sends_texts=sends_texts, test=test)
    except Failure as failure:
        ok, detail = False, failure.detail or failure.code
    return Check(ok, detail, credit, latency_ms=round((time.monotonic() - begun) * 1000))


def _ask(backend: Provider[Any], *, sends_texts: bool, test: bool) -> tuple[str, int | float | None]:
    """Return a successful check's words and credit; raises Failure."""
    found: tuple[str, int | float | None] = ("With a test token the provider is not called.", None)
    if not test:
        with provider_call(CHECK_SECONDS):
            found = ask(lambda: _describe(backend.check()))
    if not sends_texts:
        raise NotifierTrouble("bad_settings", "The notifier's settings hold no number to send texts from.")
    return found


def _describe(credit: Credit | None) -> tuple[str, int | float | None]:
    """Return a successful check's words and credit; fails where a provider has returned no Credit."""
    words = "The provider takes the notifier's account."
    if credit is None:
        return words, None
    return f"{words} The credit is in {_UNITS[credit.unit]}.", number(float(credit.amount))
