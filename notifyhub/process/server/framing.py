"""Where a request's head and body end, among the bytes that have arrived so far."""

from typing import Protocol

from gunicorn.http.body import LengthReader
from gunicorn.http.message import Request

MAX_HEAD_BYTES = 64 * 1024
"""The greatest length of a request's head."""

_MAX_CHUNK_LINE_BYTES = 8190
"""The greatest length of the line before a chunk, as gunicorn has it."""


class Body(Protocol):
    """A body that is arriving."""

    def end(self, arrived: bytearray) -> int | None:
        """Return where it ends, or None while more of it has to come."""


def head_end(arrived: bytearray, searched: int, limit: int) -> int | None:
    """Return where the head ends, or None while more of it has to come.

    A head that can't become valid any more ends at once, so that the parser tells what is wrong with it:
    with lines that end in a bare line feed, or longer than the limits.
    """
    end = arrived.find(b"\r\n\r\n", max(searched - 3, 0), MAX_HEAD_BYTES)
    if end >= 0:
        return end + 4
    line = arrived.find(b"\n", 0, limit + 3)
    too_long = len(arrived) >= MAX_HEAD_BYTES or (line < 0 and len(arrived) > limit + 2)
    if too_long or arrived.count(b"\n") != arrived.count(b"\r\n"):
        return min(len(arrived), MAX_HEAD_BYTES)  # no more of it, however much has come at once
    return None


def body_of(request: Request) -> Body:
    """Return how the end of a request's body is found."""
    reader = request.body.reader
    return LengthBody(reader.length) if isinstance(reader, LengthReader) else ChunkedBody()


class LengthBody:
    """A body whose length the head has told."""

    def __init__(self, length: int) -> None:
        self.length = length

    def end(self, arrived: bytearray) -> int | None:
        """Return where it ends, or None while more of it has to come."""
        return self.length if len(arrived) >= self.length else None


class ChunkedBody:
    """A body in chunks (RFC 9112, section 7.1); what is wrong in it is left for the parser to tell."""

    def __init__(self) -> None:
        self._chunk = 0  # where the line before a chunk begins
        self._trailers = False

    def end(self, arrived: bytearray) -> int | None:
        """Return where it ends, or None while more of it has to come."""
        while not self._trailers:
            line = arrived.find(b"\r\n", self._chunk)
            if line < 0:
                return len(arrived) if len(arrived) - self._chunk > _MAX_CHUNK_LINE_BYTES else None
            try:
                size = int(arrived[self._chunk : line].partition(b";")[0], 16)
            except ValueError:
                return len(arrived)
            if size <= 0:
                self._trailers = True
                self._chunk = line
            elif line + size + 4 > len(arrived):
                return None
            else:
                self._chunk = line + size + 4
        # The empty line after the trailers; without any, it follows on the last chunk's line.
        end = arrived.find(b"\r\n\r\n", self._chunk)
        if end < 0:
            return len(arrived) if len(arrived) - self._chunk > MAX_HEAD_BYTES else None
        return end + 4
