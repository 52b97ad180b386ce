import socket
import time
from typing import Any

import pytest

from notifyhub.providers.sockets import connect, exchange, in_time
from notifyhub.text.hosts import Address, HostNotAllowed
from tests.support.processes import free_port


def but(refused: str) -> Any:
    def check(address: Address) -> None:
        if str(address) == refused:
            raise HostNotAllowed(refused)

    return check


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """Names and the addresses that they lead to."""
    known: dict[str, list[str]] = {}
    resolve = socket.getaddrinfo

    def answer(host: str, *args: Any, **options: Any) -> Any:
        return [place for each in known.get(host, [host]) for place in resolve(each, *args, **options)]

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    return known


def test_the_first_address_that_answers_is_taken(names: dict[str, list[str]]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        names["mail.example.com"] = ["127.0.0.2", "127.0.0.1"]
        with connect("mail.example.com", server.getsockname()[1], 5) as connected:
            assert connected.getpeername()[0] == "127.0.0.1"


def test_one_that_is_not_allowed_is_passed_over(names: dict[str, list[str]]) -> None:
    with socket.create_server(("0.0.0.0", 0)) as server:
        names["mail.example.com"] = ["127.0.0.2", "127.0.0.1"]
        with connect("mail.example.com", server.getsockname()[1], 5, permit=but("127.0.0.2")) as connected:
            assert connected.getpeername()[0] == "127.0.0.1"


def test_what_stopped_the_last_one_is_told() -> None:
    with pytest.raises(ConnectionRefusedError):
        connect("127.0.0.1", free_port(), 5)
    with pytest.raises(HostNotAllowed):
        connect("127.0.0.1", free_port(), 5, permit=but("127.0.0.1"))


def test_a_silent_address_leaves_time_for_the_next(names: dict[str, list[str]]) -> None:
    names["mail.example.com"] = ["127.0.0.2", "127.0.0.1"]
    with socket.create_server(("127.0.0.2", 0), backlog=0) as full:
        port = full.getsockname()[1]
        with (
            socket.create_connection(("127.0.0.2", port)),  # the second one waits for ever
            socket.create_server(("127.0.0.1", port)),
            connect("mail.example.com", port, 3) as connected,
        ):
            assert connected.getpeername()[0] == "127.0.0.1"


@pytest.mark.parametrize("seconds", [0.1, 5])
def test_a_look_up_ends_in_time(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: time.sleep(1) or [])
    started = time.monotonic()
    with exchange(0.1), pytest.raises(TimeoutError):
        connect("mail.example.com", 25, seconds)
    assert time.monotonic() - started < 0.8


@pytest.mark.parametrize("error", [socket.gaierror(-2, "Name or service not known"), UnicodeError("label")])
def test_what_a_look_up_raises_is_raised(error: Exception) -> None:
    def fail() -> None:
        raise error

    with pytest.raises(type(error)):
        in_time(fail, 5)
