"""A client's connection: what has arrived of its request, and what its answer still has to send."""

import socket
import time
from enum import Enum, auto
from typing import Any

from gunicorn.config import Config
from gunicorn.http.errors import LimitRequestHeaders, NoMoreData, ParseException
from gunicorn.http.message import Request
from gunicorn.http.parser import RequestParser
from werkzeug.exceptions import RequestEntityTooLarge

from notifyhub.process.server.framing import Body, ChunkedBody, body_of, head_end

HEAD_SECONDS = 10.0
"""How long a request's head may take, from its first byte on; and the first byte of a new connection."""

BODY_SECONDS = 30.0
"""How long a body, and the reading of an answer, may take, beyond a second for each LEAST_RATE bytes."""

BYTES_PER_SECOND = 16 * 1024

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_RECEIVE_BYTES = 256 * 1024
_MAX_SKIPPED_BYTES = 64 * 1024
"""How much of a body in chunks is read although the application did not want it: tiny chunks take long."""


class State(Enum):
    """What a connection is at."""

    READING = auto()
    HANDLING = auto()
    WRITING = auto()
    CLOSING = auto()
    """Everything is sent; what the client still sends is read, so that it is not reset before it reads."""


class Connection:
    """One client's connection. A thread has it to itself while its state is HANDLING."""

    __slots__ = (
        "_body",
        "_parser",
        "_searched",
        "_source",
        "arrived",
        "deadline",
        "discarded",
        "events",
        "held",
        "keep",
        "peer",
        "request",
        "since",
        "socket",
        "state",
        "unsent",
    )

    def __init__(self, client: socket.socket, peer: Any, config: Config) -> None:
        client.setblocking(False)
        self.socket = client
        self.peer = peer
        self.state = State.READING
        self.events = 0  # what the poller waits for
        self.held = 0  # the bytes that it counts with in the worker's memory
        self.arrived = bytearray()
        self.request: Request | None = None
        self.unsent: list[Any] = []
        self.keep = False
        self.discarded = 0
        self.since = time.monotonic()
        self.deadline = self.since + HEAD_SECONDS
        self._source = _Source()
        self._parser = RequestParser(config, self._source, peer)
        self._searched = 0
        self._body: Body | None = None

    def receive(self) -> bool:
        """Take what has arrived; return whether the connection is still open on the client's side."""
        data = self._read()
        if data and not self.arrived and self.request is None:
            self.since = time.monotonic()
            self.deadline = self.since + HEAD_SECONDS
        self.arrived += data or b""
        return data != b""

    def discard(self) -> bool:
        """Throw away what arrives; return whether the connection is still open on the client's side."""
        data = self._read()
        self.discarded += len(data or b"")
        return data != b""

    def _read(self) -> bytes | None:
        """Return what has arrived: None if nothing has, nothing if the client sends no more."""
        try:
            return self.socket.recv(_RECEIVE_BYTES)
        except (BlockingIOError, InterruptedError):
            return None
        except OSError:
            return b""

    def complete(self, largest_body: int) -> bool:
        """Return whether the whole request has arrived, or as much of it as is ever read.

        Raises what the parser finds wrong with it.
        """
        if self._body is None:
            self._take_head()
        request, body = self.request, self._body
        if request is None or body is None:
            return False
        announced = getattr(body, "length", 0)
        end = body.end(self.arrived) if announced <= largest_body else None
        if end is None and max(announced, len(self.arrived)) <= largest_body:
            self._expect_body(request)
            return False
        request._expected_100_continue = False  # the answer itself comes now
        if end is None:
            request.force_close()
        self._take_body(end)
        return True

    def _take_head(self) -> None:
        end = head_end(self.arrived, self._searched, self._parser.cfg.limit_request_line)
        if end is None:
            self._searched = len(self.arrived)
            return
        self._source.fill(self.arrived[:end], cut=False)
        del self.arrived[:end]
        self._searched = 0
        try:
            self.request = next(self._parser)
        except NoMoreData:
            raise LimitRequestHeaders("The head is too large") from None
        self._body = body_of(self.request)
        self.since = time.monotonic()

    def _expect_body(self, request: Request) -> None:
        self.deadline = self.since + BODY_SECONDS + len(self.arrived) / BYTES_PER_SECOND
        if request._expected_100_continue:
            request._expected_100_continue = False
            self.sendall(_CONTINUE)
            self.flush()

    def _take_body(self, end: int | None) -> None:
        """Hand what has arrived up to `end`, or all of it, to the parser."""
        body = self.arrived
        self.arrived = bytearray() if end is None else body[end:]
        if self.arrived:
            del body[end:]
        self._source.fill(body, cut=end is None)

    def finish(self) -> bool:
        """Read what is left of the body; return whether it is known where the next request begins."""
        if self.is_left_unread():
            return False
        try:
            known = self._parser.finish_body() and not self._parser.unreader.take_buffered()
        except (OSError, ParseException):
            return False
        return known and not self._source.left()

    def is_left_unread(self) -> bool:
        """Return whether so much of the body is left that the connection is closed after the answer."""
        return isinstance(self._body, ChunkedBody) and self._source.left() > _MAX_SKIPPED_BYTES

    def next_request(self) -> None:
        """Be ready for another request."""
        self.request = self._body = None
        self._source.fill(b"", cut=False)
        self.state = State.READING
        self.since = time.monotonic()
        self.deadline = self.since + HEAD_SECONDS

    def sendall(self, data: bytes) -> None:
        """Keep data for `flush`: gunicorn writes its answer to this object as if it were the socket."""
        self.unsent.append(data)

    def flush(self) -> bool:
        """Send what the socket takes without waiting; return whether the client still is there."""
        if not self.unsent:
            return True
        data = memoryview(self.unsent[0] if len(self.unsent) == 1 else b"".join(self.unsent))
        try:
            sent = self.socket.send(data)
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError:
            self.unsent.clear()
            return False
        self.unsent = [data[sent:]] if sent < len(data) else []
        return True

    def size(self) -> int:
        """Return how many bytes it holds in memory."""
        return len(self.arrived) + self._source.left() + sum(map(len, self.unsent))

    def started(self) -> bool:
        """Return whether a request has begun to arrive."""
        return bool(self.arrived) or self.request is not None


class _Source:
    """The bytes of one request, as the socket that gunicorn's parser reads."""

    def __init__(self) -> None:
        self.fill(b"", cut=False)

    def fill(self, data: bytes | bytearray, *, cut: bool) -> None:
        self._data = memoryview(data)
        self._at = 0
        self._cut = cut

    def left(self) -> int:
        return len(self._data) - self._at

    def recv(self, size: int) -> bytes:
        """Return the next bytes; raises RequestEntityTooLarge where more were not waited for."""
        piece = bytes(self._data[self._at : self._at + size])
        if not piece and self._cut:
            raise RequestEntityTooLarge
        self._at += len(piece)
        return piece
