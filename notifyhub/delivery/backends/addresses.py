"""Connections to hosts, of whose addresses not all may be allowed; look-ups of names end in time.

The resolver heeds no deadline of ours, so it is asked in a thread that may be left behind.
"""

import socket
import threading
import time
from collections.abc import Callable
from ipaddress import ip_address
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from notifyhub.delivery.backends.wire import remaining
from notifyhub.text.hosts import Address

LEAST_SECONDS = 1.0

Place = tuple[socket.AddressFamily, socket.SocketKind, int, str, Any]
T = TypeVar("T")


def connect(host: str, port: int, seconds: float, check: Callable[[Address], None]) -> socket.socket:
    """Connect to the first of a host's addresses that `check` lets pass and that answers.

    All of it takes at most `seconds` and no longer than the current exchange; an address that stays silent
    leaves time for those after it. Raises OSError, UnicodeError, or the ValueError of `check`.
    """
    deadline = time.monotonic() + remaining(seconds)
    places = list(dict.fromkeys(look_up(host, port, seconds)))
    failure: Exception = OSError("no address")
    for tried, place in enumerate(places):
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        try:
            check(ip_address(str(place[4][0])))
            return _connected(place, min(left, max(LEAST_SECONDS, left / (len(places) - tried))))
        except (OSError, ValueError) as error:
            failure = error
    raise failure


def look_up(host: str, port: int, seconds: float) -> list[Place]:
    """Return the addresses of a host; raises OSError or UnicodeError."""

    def resolve() -> list[Place]:
        return list(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))

    try:
        ip_address(host)
    except ValueError:
        return in_time(resolve, seconds)
    return resolve()


def in_time(ask: Callable[[], T], seconds: float) -> T:
    """Return what a call that can't be interrupted returns, if it does so in time; raises what it raises."""
    answers: SimpleQueue[tuple[T | None, Exception | None]] = SimpleQueue()

    def run() -> None:
        try:
            answers.put((ask(), None))
        except (OSError, ValueError) as error:
            answers.put((None, error))

    threading.Thread(target=run, name="resolver", daemon=True).start()
    try:
        answer, error = answers.get(timeout=remaining(seconds))
    except Empty:
        raise TimeoutError("timed out") from None
    if error:
        raise error
    return answer  # type: ignore[return-value]


def _connected(place: Place, seconds: float) -> socket.socket:
    family, kind, protocol, _, address = place
    connected = socket.socket(family, kind, protocol)
    try:
        connected.settimeout(seconds)
        # The end of a message is a small packet after big ones: it must not wait until those are
        # acknowledged.
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connected.connect(address)
    except BaseException:
        connected.close()
        raise
    return connected
