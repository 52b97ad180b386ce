"""The HTTP client against what peers may answer; on the wire, byte by byte."""

import errno
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from notifyhub.providers import sockets, transport
from notifyhub.providers.sockets import Timeouts, connect, exchange
from notifyhub.providers.transport import MAX_HEADER_BYTES, Lost, Received, is_timeout, reason, request

TIMEOUTS = Timeouts(connect=5, read=10)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Peer:
    """Answers each request by the next of some bytes, on connections that it keeps open, and counts these."""

    def __init__(self) -> None:
        self.answers: list[bytes] = []
        self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._answer, args=[connection], daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection, suppress(ConnectionError):
            while connection.recv(65536):
                answer = self.answers.pop(0) if self.answers else OK
                connection.sendall(answer)
                if answer.endswith(b"\0close"):
                    return


@pytest.fixture(scope="module")
def peer() -> Iterator[Peer]:
    started = Peer()
    yield started
    started.close()


@pytest.fixture(autouse=True)
def _own_pool() -> Iterator[None]:
    transport._shared_pool.cache_clear()
    yield
    transport._shared_pool().clear()
    transport._shared_pool.cache_clear()


def get(peer: Peer, *answers: bytes, limit: int = 1000) -> Received | Lost:
    peer.answers[:] = answers
    url = f"http://127.0.0.1:{peer.port}/"
    return request(transport.shared_pool(), "GET", url, None, {}, limit=limit, timeouts=TIMEOUTS)


interim = st.builds(
    lambda status, words, headers: f"HTTP/1.1 {status}{words}\r\n{headers}\r\n".encode("latin-1"),
    st.integers(100, 199).filter(lambda status: status != 101),
    st.sampled_from([" Continue", " Processing", " Early Hints", " ", ""]),
    st.sampled_from(["", "Link: </style.css>; rel=preload\r\n", "Content-Length: 100\r\nX: y\r\n"]),
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(interim, min_size=1, max_size=20))
def test_interim_answers_are_read_over_whatever_their_number(peer: Peer, before: Sequence[bytes]) -> None:
    came = get(peer, b"".join(before) + OK)
    assert isinstance(came, Received)
    assert (came.status, came.body, came.error) == (200, b"ok", None)
    assert get(peer) == came, "the connection still is in step"


def test_interim_answers_without_end_are_no_answer(peer: Peer) -> None:
    came = get(peer, b"HTTP/1.1 102 Processing\r\n\r\n" * (MAX_HEADER_BYTES // 20) + OK)
    assert isinstance(came, Lost)
    assert reason(came.error) == "the answer is too long"


def test_another_protocol_that_nobody_asked_for_is_no_answer(peer: Peer) -> None:
    came = get(peer, b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n" + OK)
    assert isinstance(came, Lost)
    assert came.written
    assert reason(came.error) == "it switches to another protocol, which nobody has asked for"


def test_headers_are_limited_in_size(peer: Peer) -> None:
    lines = b"".join(b"X-%d: %s\r\n" % (number, b"y" * 1000) for number in range(99))
    came = get(peer, b"HTTP/1.1 200 OK\r\n" + lines + b"\r\n")
    assert isinstance(came, Lost)
    assert reason(came.error) == "the answer is too long"


@pytest.mark.parametrize(
    "odd",
    [
        OK + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
        OK + b"x",
        b"HTTP/1.1 204 No Content\r\n\r\nrest",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\nrest",
    ],
    ids=["two answers", "a byte", "a body where none is", "after the last chunk"],
)
def test_a_connection_on_which_more_came_than_was_asked_for_is_not_used_again(peer: Peer, odd: bytes) -> None:
    before = peer.connections
    first = get(peer, odd)
    assert isinstance(first, Received)
    second = get(peer)
    assert isinstance(second, Received)
    assert second.body == b"ok"
    assert peer.connections == before + 2


chunks = st.binary(max_size=60) | st.sampled_from(
    [
        *(
            b"HTTP/1.1 200 OK\r\n",
            b"HTTP/1.1 200\n",
            b"HTTP/1.0 200 OK\r\n",
            b"HTTP/1.1 103 x\r\n\r\n",
            b"\r\n",
        ),
        *(b"Content-Length: 2\r\n", b"Content-Length: -1\r\n", b"Content-Length: 9999999999999999999999\r\n"),
        *(
            b"Transfer-Encoding: chunked\r\n",
            b"Content-Encoding: gzip\r\n",
            b"\r\n\r\nok",
            b"-1\r\n",
            b"-5\r\n",
        ),
        *(
            b"ffffffffffffffff\r\n",
            b"0\r\n\r\n",
            b"2\r\nok\r\n",
            b"Content-Type: multipart/x; boundary=y\r\n",
        ),
        *(b"Content-Length: 1, 2\r\n", b"Content-Length: 1_0\r\n", b": nameless\r\n", b" folded\r\n", b"\0"),
    ]
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(chunks, max_size=8))
def test_whatever_is_answered_an_answer_comes_or_none_and_no_error(peer: Peer, parts: list[bytes]) -> None:
    came = get(peer, b"".join(parts) + b"\0close", limit=50)
    if isinstance(came, Lost):
        assert came.written
        assert reason(came.error)
    else:
        assert 200 <= came.status <= 999
        assert len(came.body) <= 51
    after = get(peer)
    assert isinstance(after, Received)
    assert (after.status, after.body) == (200, b"ok")


@contextmanager
def slow_resolver(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A resolver that does not answer until the block ends."""
    over = threading.Event()
    monkeypatch.setattr(sockets.socket, "getaddrinfo", lambda *_, **__: over.wait(10) and [])
    yield
    over.set()


def test_a_look_up_that_takes_too_long_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    started = time.monotonic()
    pool = transport.shared_pool()
    with slow_resolver(monkeypatch):
        came = request(pool, "GET", "http://slow.example.com/", None, {}, limit=9, timeouts=Timeouts(0.2, 1))
    assert isinstance(came, Lost)
    assert not came.written
    assert is_timeout(came.error)
    assert reason(came.error) == "the look-up of its name took too long"
    assert time.monotonic() - started < 1


def test_connecting_ends_with_the_exchange_whatever_its_own_time(monkeypatch: pytest.MonkeyPatch) -> None:
    started = time.monotonic()
    with slow_resolver(monkeypatch), exchange(0.1), pytest.raises(TimeoutError):
        connect("slow.example.com", 80, 30)
    assert time.monotonic() - started < 1


def test_the_addresses_of_a_host_share_the_time(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that never answers must not keep the client from the next."""
    look_up = socket.getaddrinfo
    places = ["127.0.0.2", "127.0.0.1"]
    given = [found for place in places for found in look_up(place, peer.port, type=socket.SOCK_STREAM)]
    monkeypatch.setattr(sockets.socket, "getaddrinfo", lambda *_, **__: given)
    tried: list[tuple[str, float]] = []
    connected = sockets._connected

    def slow(place: tuple[object, ...], seconds: float, options: object) -> socket.socket:
        tried.append((place[-1][0], seconds))  # type: ignore[index]
        if len(tried) == 1:
            raise TimeoutError(errno.ETIMEDOUT, "Connection timed out")
        return connected(place, seconds, ())

    monkeypatch.setattr(sockets, "_connected", slow)
    connect("shop.example.com", peer.port, 2).close()
    assert [place for place, _ in tried] == places
    assert tried[0][1] == pytest.approx(1, abs=0.1)
