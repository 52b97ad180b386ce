"""Sockets whose conversation ends in time, and that know whether anything was written.

A socket's own timeout starts anew with every packet, so an answer that trickles in never ends; and the
libraries above do not tell whether a failed request had left. Both are watched here, below them, for HTTP
and SMTP alike.
"""

import io
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from socket import socket
from typing import Any, cast


@dataclass(frozen=True)
class Timeouts:
    """Seconds to wait for a connection and for an answer."""

    connect: float = 5
    read: float = 10


TIMEOUTS = Timeouts()


@dataclass(slots=True)
class Exchange:
    """One request and its answer; `deadline` in seconds of the monotonic clock, `limit` in received bytes."""

    deadline: float
    limit: float
    written: bool = False
    received: int = 0


_current: ContextVar[Exchange | None] = ContextVar("exchange", default=None)


@contextmanager
def exchange(seconds: float, limit: float = float("inf")) -> Iterator[Exchange]:
    """Bound all that this thread reads and writes inside the block.

    Beyond `seconds` reads and writes raise TimeoutError, beyond `limit` received bytes reads raise OSError.
    An exchange within another ends with it at the latest.
    """
    deadline, outer = time.monotonic() + seconds, _current.get()
    current = Exchange(min(deadline, outer.deadline) if outer else deadline, limit)
    token = _current.set(current)
    try:
        yield current
    finally:
        _current.reset(token)


def remaining(seconds: float) -> float:
    """Return as many of `seconds` as the current exchange leaves; raises TimeoutError if it leaves none."""
    current = _current.get()
    left = current.deadline - time.monotonic() if current else seconds
    if left <= 0:
        raise TimeoutError("timed out")
    return min(seconds, left)


class Wire:
    """A connected socket that heeds the current exchange; everything else is the socket's own."""

    def __init__(self, connected: socket | ssl.SSLSocket) -> None:
        self.socket = connected
        self._timeout = connected.gettimeout()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.socket, name)

    def settimeout(self, seconds: float | None) -> None:
        self._timeout = seconds
        self.socket.settimeout(seconds)

    def gettimeout(self) -> float | None:
        """Return what the exchange leaves of the timeout: a TLS handshake takes that as its deadline."""
        current = _current.get()
        if current is None:
            return self._timeout
        left = max(current.deadline - time.monotonic(), 0.001)
        return left if self._timeout is None else min(self._timeout, left)

    def sendall(self, data: Any) -> None:
        rest = memoryview(data).cast("B")
        current = _current.get()
        while rest:
            self._arm(current)
            sent = self.socket.send(rest)
            if current:
                current.written = True
            rest = rest[sent:]

    def makefile(self, mode: str = "rb", buffering: int | None = None) -> io.BufferedReader:
        del mode, buffering  # http.client and smtplib read bytes, buffered
        # SocketIO counts the socket's users, so that the file outlives the connection's close().
        return io.BufferedReader(_Reader(self, cast("io.RawIOBase", self.socket.makefile("rb", buffering=0))))

    def _arm(self, current: Exchange | None) -> None:
        if current is None:
            return
        left = current.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        self.socket.settimeout(left if self._timeout is None else min(self._timeout, left))


class _Reader(io.RawIOBase):
    def __init__(self, wire: Wire, raw: io.RawIOBase) -> None:
        self._wire = wire
        self._raw = raw

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        current = _current.get()
        self._wire._arm(current)
        count = self._raw.readinto(buffer)
        if current and count:
            current.received += count
            if current.received > current.limit:
                raise OSError("the answer is too long")
        return count

    def close(self) -> None:
        if not self.closed:
            self._raw.close()
        super().close()
