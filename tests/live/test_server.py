"""What stands in front of the API: slow clients, odd requests, what browsers are told, the log."""

import socket
import time
from contextlib import ExitStack

import pytest

from tests.bench.slow_peers import KINDS, probe
from tests.support.live import Live
from tests.support.service import until


@pytest.mark.parametrize("kind", KINDS)
def test_slow_clients_keep_nobody_waiting(live: Live, kind: str) -> None:
    address = ("127.0.0.1", live.service.port)
    with ExitStack() as open_:
        for _ in range(60):
            client = open_.enter_context(socket.create_connection(address, 10))
            client.sendall(KINDS[kind])
        assert min(probe(address) for _ in range(5)) < 1


def raw(live: Live, request: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", live.service.port), 10) as client:
        client.sendall(request)
        answered = b""
        while data := client.recv(1 << 16):
            answered += data
        return answered


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET / HTTP/1.1\nHost: x\n\n", 400),
        (b"GET /" + b"a" * 5000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX-A: " + b"a" * 9000 + b"\r\n\r\n", 431),
    ],
)
def test_errors_of_the_server_itself_are_json_too(live: Live, request_: bytes, status: int) -> None:
    head, _, body = raw(live, request_).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert b"\r\nContent-Type: application/json\r\n" in head
    assert b"\r\nX-Request-ID: " in head
    assert body.startswith(b'{"detail":"')


def test_a_connection_that_will_be_closed_as_its_body_was_not_read_is_said_to_be(live: Live) -> None:
    body = b"[" * 100_000
    head = b"POST /api/none HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    answer = raw(live, head + b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))
    assert answer.startswith(b"HTTP/1.1 404 ")
    assert b"\r\nConnection: close\r\n" in answer


def test_headers_of_proxies_count_for_nothing(live: Live) -> None:
    page = raw(
        live,
        b"GET /api/docs HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        b"X-Forwarded-Prefix: //evil.example\r\nX-Forwarded-Host: evil.example\r\n\r\n",
    )
    assert b"swagger-ui-bundle.js" in page
    assert b"evil" not in page


def test_a_host_with_odd_characters_is_refused(live: Live) -> None:
    answer = raw(live, b"GET /api/me HTTP/1.1\r\nHost: x/evil\r\nConnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 400 ")


def test_pages_and_answers_carry_what_browsers_need_to_know(live: Live) -> None:
    page = raw(live, b"GET /api/docs HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    for header in (b"Content-Security-Policy: default-src 'none';", b"X-Frame-Options: DENY"):
        assert b"\r\n" + header in page
    answer = raw(live, b"GET /api/me HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    for header in (b"Cache-Control: no-store\r\n", b"X-Content-Type-Options: nosniff\r\n"):
        assert b"\r\n" + header in answer + b"\r\n"
    root = raw(live, b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert b"\r\nLocation: /console\r\n" in root


def test_each_request_is_in_the_log_without_its_query(live: Live) -> None:
    id_ = f"live-{time.time_ns()}"
    live.call("GET", "notifications/messages?to=09120000001", **{"X-Request-ID": id_})
    until(lambda: id_ in live.service.err, "the request is logged")
    (line,) = [line for line in live.service.err.splitlines() if id_ in line]
    assert "GET /api/notifications/messages 200 " in line
    assert "user=admin code=7812" in line
    assert "0912" not in line
    assert live.key not in live.service.err
