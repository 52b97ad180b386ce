"""A worker for gunicorn whose threads are given whole requests only.

One loop reads the requests of all connections and writes what is left of their answers, without waiting for
any of them; a thread is taken between the two. So a slow client costs a connection and a little memory, both
of which have limits, and never a thread. gunicorn's own parser and WSGI side do the rest.
Plain HTTP/1 only: what is in front brings TLS.
"""

import errno
import math
import os
import selectors
import socket
import time
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from datetime import timedelta
from queue import SimpleQueue
from threading import Thread
from typing import Any

from gunicorn.http import wsgi
from gunicorn.workers import base

from notifyhub.process.server import errors
from notifyhub.process.server.capacity import connections_allowed
from notifyhub.process.server.connection import BODY_SECONDS, BYTES_PER_SECOND, Connection, State

MAX_HELD_BYTES = 64 * 1024 * 1024
"""How much a worker keeps in memory of unfinished requests and answers, of all clients together."""

UNDECLARED_BODY_BYTES = 16 * 1024 * 1024
"""The largest body for an application that does not declare one."""

_LINGER_SECONDS = 2.0
_MAX_DISCARDED_BYTES = 16 * 1024 * 1024
_DISCARD_SECONDS = 10.0
# Seconds that clients have when the worker stops: three in all, where a request has begun to arrive.
_STOP_IDLE = 1.0
_STOP_READING = 2.0
_STOP_WRITING = 3.0
_STOP_LINGER = 1.0
_MAX_EVICTED = 64


class Worker(base.Worker):  # type: ignore[misc]
    """Reads whole requests before it gives them to threads; see the module."""

    def init_process(self) -> None:
        """Prepare what the loop needs, then run it."""
        self._requests: SimpleQueue[Connection] = SimpleQueue()
        self._poller = selectors.DefaultSelector()
        self._connections: dict[int, Connection] = {}
        self._handled: deque[Connection] = deque()
        self._held = 0
        self._address = self.sockets[0].getsockname()
        self._next_check = 0.0
        self._reading_ends = math.inf
        self._largest_body = getattr(self.app, "largest_body", UNDECLARED_BODY_BYTES)
        self._memory = max(MAX_HELD_BYTES, 4 * self._largest_body)
        self._most = connections_allowed()
        for number in range(self.cfg.threads):
            # They end with the process: one that is stuck must not keep it from stopping.
            Thread(target=self._work, name=f"requests-{number}", daemon=True).start()
        super().init_process()

    def run(self) -> None:
        """Serve until told to stop, or until the parent is gone."""
        self._poller.register(self.PIPE[0], selectors.EVENT_READ, self._wake_up)
        for listener in self.sockets:
            listener.setblocking(False)
            self._poller.register(listener, selectors.EVENT_READ, self._accept)
        for thread in getattr(self.wsgi, "extensions", {}).get("server_threads", ()):
            thread.start()  # what the application does beside its requests, in threads of this process
        while self.alive and self.ppid == os.getppid():
            self._poll()
        self._stop()

    def _stop(self) -> None:
        """Stop gracefully: finish what is under way; idle clients get a moment for what they are sending."""
        self.alive = False
        now = time.monotonic()
        self._reading_ends = now + _STOP_READING  # whatever deadline a slow client is given meanwhile
        for listener in self.sockets:
            self._poller.unregister(listener)
            # Closing the last listener would reset clients whom the system has let in.
            any(not self._accept(listener) for _ in range(self._most))
            listener.close()
        for connection in self._connections.values():
            seconds = _STOP_WRITING if connection.started() else _STOP_IDLE
            connection.deadline = min(connection.deadline, now + seconds)
        while self._connections and time.monotonic() < now + self.cfg.graceful_timeout:
            self._poll(0.1)
        self._poller.close()

    def _poll(self, seconds: float = 1.0) -> None:
        self.notify()
        for key, _ in self._poller.select(seconds):
            if isinstance(key.data, Connection):
                self._ready(key.data)
            else:
                key.data(key.fileobj)
        now = time.monotonic()
        if now >= self._next_check:
            self._next_check = now + min(seconds, 1.0)
            self._close_overdue(now)

    def _wake_up(self, pipe: int) -> None:
        with suppress(BlockingIOError):
            os.read(pipe, 4096)
        self._resume_handled()

    def _resume_handled(self) -> None:
        while self._handled:
            self._resume(self._handled.popleft())

    def _accept(self, listener: socket.socket) -> bool:
        """Accept a client; return whether more may be waiting."""
        try:
            client, peer = listener.accept()
        except OSError as error:  # mostly it is gone again, or another worker has it
            if error.errno in {errno.EMFILE, errno.ENFILE}:
                self._evict(self._connections.values(), _MAX_EVICTED)
            return not isinstance(error, BlockingIOError)
        if len(self._connections) >= self._most:
            self._evict(self._connections.values(), _MAX_EVICTED)
        connection = Connection(client, peer, self.cfg)
        self._connections[client.fileno()] = connection
        self._ready(connection)  # mostly the request is there with the connection
        return True

    def _ready(self, connection: Connection) -> None:
        """Handle a connection that can be read or written."""
        if connection.state is State.HANDLING:
            self._resume_handled()  # who has just got its answer may have sent its next request
        if connection.state is State.READING:
            if not connection.receive():
                self._close(connection)
            else:
                self._read_on(connection)
        elif connection.state is State.WRITING:
            if connection.flush():
                self._resume(connection)
            else:
                self._close(connection)
        elif connection.state is State.HANDLING:
            self._wait_for(connection, 0)  # until the answer is there
        elif not connection.discard() or connection.discarded > _MAX_DISCARDED_BYTES:
            self._close(connection)

    def _read_on(self, connection: Connection) -> None:
        """Give the request to a thread if it is whole, refuse it, or wait for more of it."""
        try:
            complete = connection.started() and connection.complete(self._largest_body)
        except Exception as error:  # noqa: BLE001 - it is answered and logged
            self.handle_error(connection.request, connection, connection.peer, error)
            self._resume(connection)
            return
        self._account(connection)
        if complete:
            # The poller goes on waiting for it: mostly nothing comes before the answer.
            connection.state = State.HANDLING
            self._requests.put(connection)
        else:
            self._wait_for(connection, selectors.EVENT_READ)
            if self._held > self._memory:
                self._evict((c for c in self._connections.values() if c.held), _MAX_EVICTED)

    def _work(self) -> None:
        while True:
            self._handle(self._requests.get())

    def _handle(self, connection: Connection) -> None:
        """Have the application answer, in a thread; the loop sends what the client does not take at once."""
        try:
            connection.keep = self._answer(connection)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - the connection must come back
            connection.unsent.clear()
            self.handle_error(connection.request, connection, connection.peer, error)
        connection.flush()
        connection.keep = connection.keep and connection.finish()
        self._handled.append(connection)
        with suppress(BlockingIOError):  # the pipe is full: the loop is about to wake up
            os.write(self.PIPE[1], b".")

    def _answer(self, connection: Connection) -> bool:
        """Keep the application's answer in the connection; return whether another request may follow."""
        request, started = connection.request, time.monotonic()
        answer, environ = wsgi.create(request, connection, connection.peer, self._address, self.cfg)
        environ["wsgi.multithread"] = environ["notifyhub.server_drains"] = True
        self._count_request()
        pieces = self.wsgi(environ, answer.start_response)
        if not self.alive or not self.cfg.keepalive or connection.is_left_unread():
            answer.force_close()
        try:
            for piece in pieces:
                answer.write(piece)
            answer.close()
        finally:
            self.log.access(answer, request, environ, timedelta(seconds=time.monotonic() - started))
            if hasattr(pieces, "close"):
                pieces.close()
        return not answer.should_close()

    def _count_request(self) -> None:
        self.nr += 1
        if self.nr >= self.max_requests:
            self.alive = False

    def _resume(self, connection: Connection) -> None:
        """Continue after an answer: send its rest, read the next request, or close."""
        self._account(connection)
        if connection.unsent:
            if connection.state is not State.WRITING:
                connection.state, connection.since = State.WRITING, time.monotonic()
                seconds = BODY_SECONDS + connection.size() / BYTES_PER_SECOND if self.alive else _STOP_WRITING
                connection.deadline = connection.since + seconds
            self._wait_for(connection, selectors.EVENT_WRITE)
            if self._held > self._memory:
                others = (c for c in self._connections.values() if c.held and c is not connection)
                self._evict(others, _MAX_EVICTED)
        elif connection.keep:
            connection.keep = False
            connection.next_request()
            if not connection.started():
                connection.deadline = connection.since + (self.cfg.keepalive if self.alive else _STOP_IDLE)
            self._read_on(connection)
        else:
            self._linger(connection)

    def _linger(self, connection: Connection) -> None:
        """End the answer, and read what the client still sends, so that it is not reset before it reads."""
        try:
            connection.socket.shutdown(socket.SHUT_WR)
        except OSError:
            self._close(connection)
            return
        late = connection.request is None or connection.request.must_close
        connection.state, connection.since = State.CLOSING, time.monotonic()
        seconds = _DISCARD_SECONDS if late else _LINGER_SECONDS
        connection.deadline = connection.since + (seconds if self.alive else _STOP_LINGER)
        self._wait_for(connection, selectors.EVENT_READ)

    def handle_error(self, _request: Any, client: Connection, peer: Any, error: BaseException) -> None:
        """Answer in JSON what gunicorn answers in HTML."""
        status = errors.status_of(error)
        if status == 500:
            self.log.error("A request failed", exc_info=error)
        else:
            # Not the error's words: they may quote a header that holds a secret.
            self.log.warning("Invalid request from %s: %s", peer[0] if peer else "", type(error).__name__)
        client.keep = False
        client.sendall(errors.response(status))
        client.flush()

    def _close_overdue(self, now: float) -> None:
        """Close connections past their deadline; a client in the middle of a request gets a 408."""
        for connection in [c for c in self._connections.values() if self._is_overdue(c, now)]:
            if connection.state is State.READING and connection.started():
                connection.sendall(errors.response(408))
                connection.flush()
                connection.unsent.clear()
                self._linger(connection)
            else:
                self._close(connection)

    def _is_overdue(self, connection: Connection, now: float) -> bool:
        if connection.state is State.READING:
            return min(connection.deadline, self._reading_ends) <= now
        return connection.state is not State.HANDLING and connection.deadline <= now

    def _evict(self, connections: Iterable[Connection], count: int) -> None:
        """Close those that have kept the worker waiting for the longest time."""
        waiting = [c for c in connections if c.state is not State.HANDLING]
        for connection in sorted(waiting, key=lambda c: c.since)[:count]:
            self._close(connection)

    def _close(self, connection: Connection) -> None:
        self._wait_for(connection, 0)
        self._held -= connection.held
        connection.held = 0
        self._connections.pop(connection.socket.fileno(), None)
        connection.socket.close()

    def _account(self, connection: Connection) -> None:
        size = connection.size()
        self._held += size - connection.held
        connection.held = size

    def _wait_for(self, connection: Connection, events: int) -> None:
        if events == connection.events:
            return
        if not events:
            self._poller.unregister(connection.socket)
        elif not connection.events:
            self._poller.register(connection.socket, events, connection)
        else:
            self._poller.modify(connection.socket, events, connection)
        connection.events = events
