"""Checks of notifiers: does the provider answer, and take the credentials?"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from notifyhub.notifiers.provider_calls import provider_call
from notifyhub.providers.base import Backend, Credit
from notifyhub.providers.boundary import ask
from notifyhub.providers.errors import Failure
from notifyhub.providers.sandbox import Sandbox

SECONDS = 10.0
"""How long a check takes at most."""

EXACT = 2**53  # up to here a float holds every whole number


@dataclass(frozen=True)
class Check:
    """What came of a check.

    `detail` holds the provider's own words where it refuses, `credit` what is left on the account where the
    provider tells (IPPanel in rials, MeliPayamak in messages), `latency_ms` how long it took.
    """

    ok: bool
    detail: str
    credit: int | float | None
    latency_ms: int


def check(make: Callable[[], Backend], *, test: bool = False) -> Check:
    """Talk to the provider whose backend `make` returns, sending nothing.

    For a test token the settings are looked at, but the provider is not called. Raises TooManyRequests if too
    many such calls are under way.
    """
    begun = time.monotonic()
    try:
        backend = make()
        credit = Sandbox().check() if test else _checked(backend)
    except Failure as failure:
        return Check(ok=False, detail=failure.detail or failure.code, credit=None, latency_ms=_since(begun))
    detail = "With a test token the provider is not called." if test else _words(credit)
    return Check(ok=True, detail=detail, credit=_number(credit), latency_ms=_since(begun))


def _checked(backend: Backend) -> Credit | None:
    def read() -> Credit | None:
        credit = backend.check()
        _words(credit), _number(credit)  # which fail for what is no credit
        return credit

    with provider_call(SECONDS):
        return ask(read)


def _since(begun: float) -> int:
    return round((time.monotonic() - begun) * 1000)


def _words(credit: Credit | None) -> str:
    units = {"rial": "rials", "sms": "messages"}
    told = f" The credit is in {units[credit.unit]}." if credit else ""
    return f"The provider takes the notifier's account.{told}"


def _number(credit: Credit | None) -> int | float | None:
    if credit is None:
        return None
    amount = float(credit.amount)
    return int(amount) if amount.is_integer() and abs(amount) < EXACT else amount
