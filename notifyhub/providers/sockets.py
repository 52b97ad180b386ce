"""Sockets whose conversation ends in time, and that know whether anything was written.

A socket's own timeout starts anew with every packet, so an answer that trickles in never ends; a look-up of a
name has none; and the libraries above do not tell whether a failed request had left. All this is watched
here, below them, for HTTP and SMTP alike.
"""

import errno
import io
import queue
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, TypeVar, cast

from notifyhub.text.hosts import Address

T = TypeVar("T")

Permit = Callable[[Address], None]
"""Raises an exception for an address that must not be connected to."""

BUFFER_BYTES = 8192


@dataclass(frozen=True)
class Timeouts:
    """Seconds to wait for a connection and for an answer."""

    connect: float = 5
    read: float = 10


TIMEOUTS = Timeouts()


@dataclass(slots=True)
class Exchange:
    """One request and its answer; `deadline` in seconds of the monotonic clock, `limit` in received bytes.

    What it receives counts for the `outer` one too, of which it may be a part.
    """

    deadline: float
    limit: float
    outer: "Exchange | None" = None
    written: bool = False
    received: int = 0

    def receive(self, count: int) -> None:
        """Count bytes; raises OSError if they are too many."""
        self.received += count
        if self.received > self.limit:
            raise OSError(errno.EMSGSIZE, "the answer is too long")
        if self.outer:
            self.outer.receive(count)


_current: ContextVar[Exchange | None] = ContextVar("exchange", default=None)

_writes: ContextVar[int] = ContextVar("writes", default=0)


def writes() -> int:
    """Return how often this thread has written to a socket: unchanged, nothing has left it meanwhile."""
    return _writes.get()


@contextmanager
def exchange(seconds: float, limit: float = float("inf")) -> Iterator[Exchange]:
    """Bound all that this thread connects to, reads and writes inside the block.

    Beyond `seconds` connecting, reading and writing raise TimeoutError, beyond `limit` received bytes reading
    raises OSError. One inside of another ends no later than that.
    """
    outer = _current.get()
    deadline = time.monotonic() + seconds
    current = Exchange(min(deadline, outer.deadline) if outer else deadline, limit, outer)
    token = _current.set(current)
    try:
        yield current
    finally:
        _current.reset(token)


def allow(count: int) -> None:
    """Let the current exchange receive so many bytes more, whatever was left."""
    if current := _current.get():
        current.limit = current.received + count


def connect(
    host: str,
    port: int,
    seconds: float,
    *,
    options: Sequence[tuple[int, int, int | bytes]] | None = None,
    permit: Permit | None = None,
) -> socket.socket:
    """Return a socket that is connected to the first of a host's addresses that takes it.

    All of it, the look-up of the name included, takes `seconds` at most and ends with the current exchange;
    what is left is the socket's timeout. Raises OSError, UnicodeError for what is no host, or what `permit`
    raises.
    """
    deadline, current = time.monotonic() + seconds, _current.get()
    if current:
        deadline = min(deadline, current.deadline)
    failure: Exception = OSError(errno.EADDRNOTAVAIL, "the host has no address")
    places = list(dict.fromkeys(_look_up(host, port, _left(deadline))))
    for tried, place in enumerate(places):
        try:
            if permit:
                permit(ip_address(place[-1][0]))
            # An address that does not answer leaves the others their share of the time.
            share = _left(deadline) / (len(places) - tried)
            connected = _connected(place, share, options or ())
        except (OSError, ValueError) as error:
            failure = error
        else:
            connected.settimeout(_left(deadline))
            return connected
    raise failure


def _connected(place: Any, seconds: float, options: Sequence[tuple[int, int, int | bytes]]) -> socket.socket:
    family, kind, protocol, _, address = place
    new = socket.socket(family, kind, protocol)
    try:
        for option in options:
            new.setsockopt(*option)
        new.settimeout(seconds)
        new.connect(address)
    except BaseException:
        new.close()
        raise
    return new


def _look_up(host: str, port: int, seconds: float) -> list[Any]:
    """Return what the resolver knows of a host."""
    if _is_literal(host):
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return in_time(lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM), seconds)


def in_time(ask: Callable[[], T], seconds: float) -> T:
    """Return what the resolver answers if it does so in time; it is asked in a thread, as nothing stops it.

    Raises OSError or UnicodeError as it does.
    """
    answer: queue.SimpleQueue[tuple[T, None] | tuple[None, Exception]] = queue.SimpleQueue()

    def run() -> None:
        try:
            answer.put((ask(), None))
        except (OSError, UnicodeError) as error:
            answer.put((None, error))

    threading.Thread(target=run, name="resolver", daemon=True).start()
    try:
        found, failure = answer.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError(errno.ETIMEDOUT, "the look-up of its name took too long") from None
    if failure:
        raise failure
    return cast("T", found)


def _is_literal(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError(errno.ETIMEDOUT, "Connection timed out")
    return left


class Wire:
    """A connected socket that heeds the current exchange; everything else is the socket's own."""

    spoiled = False
    """Whether more came than was asked for, so that the next answer would not be one."""

    def __init__(self, connected: socket.socket | ssl.SSLSocket) -> None:
        self.socket = connected
        self._timeout = connected.gettimeout()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.socket, name)

    def settimeout(self, seconds: float | None) -> None:
        self._timeout = seconds
        self.socket.settimeout(seconds)

    def gettimeout(self) -> float | None:
        """Return what is left for the next step, which a TLS handshake takes over.

        With nothing left it is next to nothing: ssl asks while two sockets have one file descriptor, which an
        exception would have closed twice.
        """
        current = _current.get()
        left = max(current.deadline - time.monotonic(), 0.001) if current else None
        return min((one for one in (self._timeout, left) if one is not None), default=None)

    def sendall(self, data: Any) -> None:
        rest = memoryview(data).cast("B")
        current = _current.get()
        while rest:
            self._arm(current)
            sent = self.socket.send(rest)
            _writes.set(_writes.get() + 1)
            if current:
                current.written = True
            rest = rest[sent:]

    def makefile(self, mode: str = "rb", buffering: int | None = None) -> io.BufferedReader:
        del mode, buffering  # http.client and smtplib read bytes, buffered
        # SocketIO counts the socket's users, so that the file outlives the connection's close().
        raw = _Reader(self, cast("io.RawIOBase", self.socket.makefile("rb", buffering=0)))
        return io.BufferedReader(raw, BUFFER_BYTES)

    def _arm(self, current: Exchange | None) -> None:
        if current is None:
            return
        _left(current.deadline)
        self.socket.settimeout(self.gettimeout())


def has_rest(file: io.BufferedReader) -> bool:
    """Return whether a wire's file holds bytes that nobody has read; nothing is received for it."""
    reader = cast("_Reader", file.raw)
    reader.is_idle = True
    try:
        return bool(file.peek(1))
    finally:
        reader.is_idle = False


class _Reader(io.RawIOBase):
    is_idle = False

    def __init__(self, wire: Wire, raw: io.RawIOBase) -> None:
        self._wire = wire
        self._raw = raw

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self.is_idle:
            return None
        current = _current.get()
        self._wire._arm(current)
        count = self._raw.readinto(buffer)
        if current and count:
            current.receive(count)
        return count

    def close(self) -> None:
        if not self.closed:
            self._raw.close()
        super().close()
