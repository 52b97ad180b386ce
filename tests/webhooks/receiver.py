"""A receiver of webhooks: a real server that answers as it is told and keeps what it is sent."""

import ssl
import threading
import time
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from standardwebhooks import Webhook

from tests.simulators.certificate import Certificate
from tests.simulators.server import Reply, Request, Server

OK = Reply(200, b"ok", "text/plain")


class Receiver:
    """Answers with `replies` in turn, then with `ok`, after `latency`; `requests` holds what has come."""

    def __init__(self) -> None:
        self.latency = 0.0
        self.replies: deque[Reply] = deque()
        self.requests: list[Request] = []
        self._changed = threading.Condition()
        self.server = Server(self._answer)

    def __enter__(self) -> Self:
        self.server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.stop()

    @property
    def url(self) -> str:
        return f"{self.server.address}/hook?key=a-secret-of-the-url"

    def reply(self, *replies: Reply | int) -> None:
        """Have the next requests answered so."""
        self.replies.extend(
            Reply(one, b"no", "text/plain") if isinstance(one, int) else one for one in replies
        )

    def wait_for(self, count: int, seconds: float = 30) -> list[Request]:
        """Return the requests once there are so many."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self.requests) >= count, seconds):
                raise TimeoutError(f"{len(self.requests)} of {count} requests after {seconds} s")
            return list(self.requests)

    def bodies(self) -> list[Any]:
        with self._changed:
            return [request.body for request in self.requests]

    def ids(self) -> list[str]:
        with self._changed:
            return [request.headers["webhook-id"] for request in self.requests]

    def verified(self, secret: str) -> list[Any]:
        """Return the bodies of all requests, whose signatures a secret verifies."""
        with self._changed:
            return [Webhook(secret).verify(one.raw, dict(one.headers)) for one in self.requests]

    def _answer(self, request: Request) -> Reply:
        with self._changed:
            reply = self.replies.popleft() if self.replies else OK
            self.requests.append(request)
            self._changed.notify_all()
        time.sleep(self.latency)
        return reply


class SecureReceiver:
    """Answers `ok` by https at localhost, with a certificate of its own."""

    def __init__(self) -> None:
        self.certificate = Certificate()
        self.hosts: list[str | None] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.socket = self.certificate.context.wrap_socket(self._server.socket, server_side=True)
        self.certificate.context.sni_callback = self._note
        self.port = self._server.server_address[1]

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=[0.01], daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _note(self, _socket: ssl.SSLObject, name: str | None, _context: ssl.SSLContext) -> None:
        self.hosts.append(name)

    @staticmethod
    def _handler() -> type[BaseHTTPRequestHandler]:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"ok")

            def log_message(self, *_: object) -> None:
                """Keep quiet."""

        return Handler
