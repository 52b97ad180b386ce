"""Pretends to send: what the messages of test tokens go through, whatever their notifier."""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

from notifyhub.providers.base import SMS, Accepted, Credit, Email, ProviderPattern, Report
from notifyhub.providers.errors import Refused, Temporary

FAILS = "+989000000001"
FAILS_TWICE = "+989000000002"
UNREPORTED = "+989000000003"


class Sandbox:
    """A provider of SMS and mail that delivers everything but what is sent to the three fixed numbers.

    `FAILS` is refused for good, `FAILS_TWICE` is taken at the third attempt, `UNREPORTED` is never reported
    on.
    """

    offers_patterns: ClassVar[bool] = False
    report_batch: ClassVar[int] = 1000

    def __init__(self, settings: Mapping[str, object] | None = None, url: str | None = None) -> None:
        """Take what every backend takes, and heed none of it."""

    def send(self, message: SMS | Email) -> Accepted:
        if message.to == FAILS:
            raise Refused("invalid_recipient", "The test number that always fails.")
        if message.to == FAILS_TWICE and message.attempt <= 2:
            raise Temporary("deferred", "The test number that fails twice.")
        fate = "sent" if message.to == UNREPORTED else "delivered"
        return Accepted(f"test-{fate}-{uuid.uuid4().hex}")

    def reports(self, ids: Sequence[str]) -> dict[str, Report]:
        return {sent: Report("delivered") for sent in ids if sent.startswith("test-delivered-")}

    def patterns(self) -> Iterator[ProviderPattern]:
        return iter(())

    def check(self) -> Credit | None:
        return None
