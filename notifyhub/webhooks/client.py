"""The HTTP client of webhooks: it connects to checked addresses alone.

A connection for each request, so that each is checked. What may be secret in a URL, its path and query, stays
out of errors.
"""

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from urllib.parse import SplitResult

from notifyhub.providers.sockets import TIMEOUTS, Timeouts
from notifyhub.providers.transport import Lost, Received, checked_pool, is_timeout, reason, request
from notifyhub.text.hosts import Address, AllowedHosts
from notifyhub.webhooks.targets import InvalidTarget, check_address, check_url, split

MAX_BODY_BYTES_KEPT = 1024
MAX_BODY_BYTES_READ = 64 * 1024
"""Bytes of a response's body that are kept, and that are read."""

_HEADERS = {"Content-Type": "application/json", "User-Agent": "NotifyHub"}


@dataclass(frozen=True)
class WebhookResponse:
    """What came back: a status with the beginning of the body, or none, and why, in `error`."""

    status: int | None
    body: str | None = None
    error: str | None = None
    retry_after: str | None = None


def post(
    url: str, body: str, headers: Mapping[str, str], allowed: AllowedHosts, timeouts: Timeouts = TIMEOUTS
) -> WebhookResponse:
    """Send a body to a URL; whatever goes wrong is the response's `error`."""
    try:
        check_url(url, allowed)  # the operator may allow less than when it was stored
    except InvalidTarget as refusal:
        return WebhookResponse(None, error=str(refusal))
    received = _request(split(url), body.encode(), {**_HEADERS, **headers}, allowed, timeouts)
    if isinstance(received, Lost):
        return WebhookResponse(None, error=_words(received.error))
    # The status has said it all: what is wrong with the body changes nothing.
    kept = received.body[:MAX_BODY_BYTES_KEPT].decode(errors="replace").replace("\0", "\ufffd")
    return WebhookResponse(received.status, kept, None, received.headers.get("Retry-After"))


def _request(
    url: SplitResult, body: bytes, headers: Mapping[str, str], allowed: AllowedHosts, timeouts: Timeouts
) -> Received | Lost:
    def permit(address: Address) -> None:
        check_address(address, url, allowed)

    path = (url.path or "/") + (f"?{url.query}" if url.query else "")
    with closing(checked_pool(url.scheme, url.hostname or "", url.port, permit)) as pool:
        return request(
            pool, "POST", path, body, headers, limit=MAX_BODY_BYTES_READ - 1, timeouts=timeouts, decode=False
        )


def _words(error: Exception) -> str:
    if isinstance(error, InvalidTarget):
        return str(error)
    if is_timeout(error):
        return "The receiver did not answer in time."
    return f"No answer from the receiver: {reason(error)}."
