"""A small HTTP/1.1 server, one thread per connection, that can break off wherever it is told to."""

import json
import socket
import socketserver
import struct
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

REASONS = {200: "OK", 302: "Found", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found"}


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    raw: bytes

    @property
    def body(self) -> Any:
        """The JSON of the body; None if it is none."""
        try:
            return json.loads(self.raw)
        except ValueError:
            return None


@dataclass
class Reply:
    """`fate` is what gets out: `whole`, `half`, `silence` (nothing, for `seconds`), `reset`, `trickle`.

    `before` is written first, as it is: interim answers, say.
    """

    status: int
    body: Any
    content_type: str = "application/json; charset=utf-8"
    headers: dict[str, str] = field(default_factory=dict)
    fate: str = "whole"
    seconds: float = 30
    before: bytes = b""

    def as_bytes(self) -> bytes:
        body = (
            self.body if isinstance(self.body, bytes) else json.dumps(self.body, ensure_ascii=False).encode()
        )
        headers = {"Content-Type": self.content_type, "Content-Length": str(len(body)), **self.headers}
        lines = [f"HTTP/1.1 {self.status} {REASONS.get(self.status, 'Error')}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return "\r\n".join([*lines, "", ""]).encode() + body


class Server:
    """Serves `answer` on 127.0.0.1; when stopped it drops its connections, and it may start again."""

    def __init__(self, answer: Callable[[Request], Reply], port: int = 0) -> None:
        self.answer = answer
        self.port = port
        self.connections = 0
        self.stopping = threading.Event()
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._server: _Listener | None = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        self.stopping.clear()
        self._server = _Listener(("127.0.0.1", self.port), self)
        self.port = self._server.server_address[1]
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        ).start()

    def stop(self) -> None:
        if self._server is None:
            return
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._server = None
        with self._lock:
            for connection in self._open:
                _reset(connection)

    def opened(self, connection: socket.socket) -> None:
        with self._lock:
            self.connections += 1
            self._open.add(connection)

    def closed(self, connection: socket.socket) -> None:
        with self._lock:
            self._open.discard(connection)


class _Listener(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, address: tuple[str, int], owner: Server) -> None:
        self.owner = owner
        super().__init__(address, _Connection)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that hang up are part of the game; all else is printed."""
        import sys

        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class _Connection(socketserver.StreamRequestHandler):
    disable_nagle_algorithm = True
    server: _Listener

    def handle(self) -> None:
        owner = self.server.owner
        owner.opened(self.connection)
        try:
            while not owner.stopping.is_set() and (request := self._read()):
                if not self._write(owner.answer(request)) or request.headers.get("connection") == "close":
                    return
        finally:
            owner.closed(self.connection)

    def _read(self) -> Request | None:
        line = self.rfile.readline(65537)
        if not line.strip():
            return None
        method, target, _ = line.decode("latin-1").split()
        headers = {}
        while (line := self.rfile.readline(65537)).strip():
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.lower()] = value.strip()
        url = urlsplit(target)
        raw = self.rfile.read(int(headers.get("content-length", 0)))
        return Request(method, url.path, dict(parse_qsl(url.query)), headers, raw)

    def _write(self, reply: Reply) -> bool:
        """Write what the fate lets out; whether the connection lives on."""
        raw = reply.as_bytes()
        self.connection.sendall(reply.before)
        if reply.fate == "whole":
            self.connection.sendall(raw)
            return True
        if reply.fate == "half":
            self.connection.sendall(raw[: len(raw) - len(raw.partition(b"\r\n\r\n")[2]) // 2 - 1])
        elif reply.fate == "silence":
            self.server.owner.stopping.wait(reply.seconds)
        elif reply.fate == "trickle":
            for at in range(len(raw)):
                self.connection.sendall(raw[at : at + 1])
                if self.server.owner.stopping.wait(reply.seconds):
                    break
        elif reply.fate == "reset":
            _reset(self.connection)
        return False


def _reset(connection: socket.socket) -> None:
    """Close with RST instead of FIN."""
    try:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.shutdown(socket.SHUT_RD)  # wakes the thread that reads it, which then closes it
    except OSError:
        return  # closed already
