import socket
import time
from collections.abc import Iterator

import pytest

from notifyhub.providers.sockets import Wire, exchange


@pytest.fixture
def pair() -> Iterator[tuple[Wire, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.settimeout(5)
        yield Wire(ours), theirs


def test_an_exchange_knows_whether_anything_was_written(pair: tuple[Wire, socket.socket]) -> None:
    wire, other = pair
    with exchange(1) as current:
        assert not current.written
        wire.sendall(b"")
        assert not current.written
        wire.sendall(b"hello")
        assert current.written
    assert other.recv(10) == b"hello"


def test_a_write_that_fails_at_once_wrote_nothing(pair: tuple[Wire, socket.socket]) -> None:
    wire, other = pair
    other.close()
    with exchange(1) as current, pytest.raises(BrokenPipeError):
        wire.sendall(b"hello")
    assert not current.written


def test_reads_and_writes_end_at_the_deadline(pair: tuple[Wire, socket.socket]) -> None:
    wire, _ = pair
    started = time.monotonic()
    with exchange(0.1), pytest.raises(TimeoutError):
        wire.makefile().read(1)
    with exchange(0.1), pytest.raises(TimeoutError):
        wire.sendall(bytes(100_000_000))
    with exchange(-1), pytest.raises(TimeoutError):
        wire.sendall(b"x")
    assert time.monotonic() - started < 2


def test_more_than_the_limit_is_not_read(pair: tuple[Wire, socket.socket]) -> None:
    wire, other = pair
    other.sendall(bytes(20))
    with exchange(1, limit=10), pytest.raises(OSError, match="too long"):
        wire.makefile().read(20)


def test_without_an_exchange_it_is_the_socket(pair: tuple[Wire, socket.socket]) -> None:
    wire, other = pair
    other.sendall(b"one\ntwo\n")
    file = wire.makefile()
    assert file.readline() == b"one\n"
    wire.close()
    assert file.readline() == b"two\n", "the file outlives the connection"


def test_an_exchange_within_another_ends_with_it(pair: tuple[Wire, socket.socket]) -> None:
    wire, _ = pair
    started = time.monotonic()
    with exchange(0.1), exchange(5), pytest.raises(TimeoutError):
        wire.makefile().read(1)
    with exchange(5), exchange(0.1), pytest.raises(TimeoutError):
        wire.makefile().read(1)
    assert time.monotonic() - started < 1


def test_what_an_exchange_leaves_bounds_a_handshake(pair: tuple[Wire, socket.socket]) -> None:
    wire, _ = pair
    assert wire.gettimeout() == 5
    with exchange(2):
        assert 1 < (wire.gettimeout() or 0) <= 2
    with exchange(-1):
        assert 0 < (wire.gettimeout() or 0) < 0.1
