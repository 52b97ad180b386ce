"""Pretends to send: what the messages of test tokens go through, whatever their notifier."""

import uuid
from collections.abc import Iterator, Mapping, Sequence

from notifyhub.providers.base import SMS, Accepted, Credit, Email, ProviderPattern, Report, SMSProvider
from notifyhub.providers.errors import Refused, Temporary

FAILS = "+989000000001"
FAILS_TWICE = "+989000000002"
UNREPORTED = "+989000000003"


class Sandbox(SMSProvider):
    """A provider of SMS and mail that delivers everything but what is sent to the three fixed numbers.

    `FAILS` is refused for good, `FAILS_TWICE` is taken at the third attempt, `UNREPORTED` is never reported
    on.
    """

    report_batch = 1000

    def __init__(self, settings: Mapping[str, object] | None = None, url: str | None = None) -> None:
        """Take what every provider takes, and use none of it."""

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
