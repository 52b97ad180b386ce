"""The limit of failed authentications per address: 429 instead of 401 for who keeps trying.

It keeps nobody out: a valid token is taken from any address, whoever else is behind it. Keys of 160 random
bits can't be guessed; what the limit does is to tell a client that goes on and on to stop, and the operator
where it is.
"""

import logging
import time
from functools import cached_property
from ipaddress import IPv6Address, ip_address

from flask import Flask, current_app, request
from limits import RateLimitItemPerMinute
from limits.errors import StorageError
from limits.storage import MemoryStorage, RedisStorage

from notifyhub.api.http.errors import throttled
from notifyhub.auth.throttle import installation, redis_timeouts

log = logging.getLogger(__name__)

PER_MINUTE = 300
"""Failures of one address that are answered 401."""
REDIS_REST_SECONDS = 5.0
"""How long a Redis that did not answer is left alone."""

_MAX_LENGTH = 64  # characters of what a proxy calls an address and is none
_IPV6_BITS = 64  # of an address are the network's: https://www.rfc-editor.org/rfc/rfc6177


def init_app(app: Flask) -> None:
    """Count failures, in Redis for all processes where NOTIFYHUB_REDIS_URL names one."""
    app.extensions["authentication_failures"] = _Failures(app)


def record() -> None:
    """Count the request as a failure of its client's address; raises TooManyRequests over the limit."""
    failures: _Failures = current_app.extensions["authentication_failures"]
    origin = network(request.remote_addr or "")
    count, seconds = failures.count(origin)
    if count <= PER_MINUTE:
        return
    if count == PER_MINUTE + 1:
        log.warning("More than %d failed authentications in a minute from %s", PER_MINUTE, origin)
    raise throttled(seconds)


def network(text: str) -> str:
    """Return the address that failures are counted for; of IPv6 the network, all of which one client has."""
    try:
        address = ip_address(text)
    except ValueError:
        return ascii(text[:_MAX_LENGTH])[1:-1]
    if not isinstance(address, IPv6Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    host_bits = 128 - _IPV6_BITS
    return f"{IPv6Address(int(address) >> host_bits << host_bits)}/{_IPV6_BITS}"


class _Failures:
    """Counts by address. What they are kept in is made with the first failure: processes don't share it."""

    def __init__(self, app: Flask) -> None:
        self._redis_url = app.config["REDIS_URL"]
        self._installation = installation(app)
        self._redis_rests_until = 0.0

    def count(self, origin: str) -> tuple[int, float]:
        """Count one more failure; return how many they are, and in how many seconds they are forgotten."""
        if self._redis_url is not None and time.monotonic() >= self._redis_rests_until:
            try:
                return self._count(self._redis, origin)
            except StorageError:
                self._redis_rests_until = time.monotonic() + REDIS_REST_SECONDS
        return self._count(self._memory, origin)

    def _count(self, storage: MemoryStorage | RedisStorage, origin: str) -> tuple[int, float]:
        limit = RateLimitItemPerMinute(PER_MINUTE)
        key = limit.key_for(self._installation, "failures", origin)
        count = storage.incr(key, limit.get_expiry())
        return count, storage.get_expiry(key) - time.time() if count > PER_MINUTE else 0.0

    @cached_property
    def _memory(self) -> MemoryStorage:
        return MemoryStorage()

    @cached_property
    def _redis(self) -> RedisStorage:
        return RedisStorage(self._redis_url, wrap_exceptions=True, **redis_timeouts())
