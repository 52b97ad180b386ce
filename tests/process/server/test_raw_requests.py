"""Requests as bytes, against real servers: our worker, and gunicorn's own behind which a proxy stands.

What two servers in a row could read differently (RFC 9112, sections 5.2, 6 and 11.2) is refused, and the
connection closed: what comes after it is never taken for a request.
"""

import re
import socket
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from flask import Flask

from tests.api.http.test_security_headers import OF_ALL
from tests.api.resources import SMS, stored
from tests.process.server.test_worker import refused
from tests.support.clients import Api
from tests.support.environment import on_sqlite
from tests.support.processes import Server

WORKER = "--worker-class=notifyhub.process.server.Worker"
NEXT = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
NOTIFIER = b'{"name":"a","backend":"melipayamak","settings":{"token":"x"}}'
CHUNKED = b"Transfer-Encoding: chunked"
NO_CHUNK = b"0\r\n\r\n"
CHUNK = b"%x\r\n%s\r\n" % (len(NOTIFIER), NOTIFIER)

pytestmark = [
    on_sqlite,
    pytest.mark.parametrize(
        "options",
        [
            pytest.param((WORKER,), id="ours"),
            pytest.param(("--threads=4",), id="gthread", marks=pytest.mark.slow),
        ],
    ),
]


def get(*lines: bytes, start: bytes = b"GET /healthz HTTP/1.1") -> bytes:
    return b"\r\n".join((start, b"Host: x", *lines)) + b"\r\n\r\n"


def post(*lines: bytes, body: bytes = b"", version: bytes = b"1.1") -> bytes:
    """Return a request with the token's place left open, so that its body is read."""
    start = b"POST %s HTTP/%s" % (SMS.encode(), version)
    return get(b"Content-Type: application/json", b"Authorization: Token TOKEN", *lines, start=start) + body


def sized(length: bytes) -> bytes:
    return post(b"Content-Length: " + length, body=NOTIFIER)


def coded(coding: bytes) -> bytes:
    return post(b"Transfer-Encoding: " + coding, body=CHUNK + NO_CHUNK)


def chunks(body: bytes) -> bytes:
    return post(CHUNKED, body=body)


LENGTH = b"%d" % len(NOTIFIER)

REFUSED: dict[str, tuple[bytes, int]] = {
    "length and chunks": (post(b"Content-Length: 5", CHUNKED, body=NO_CHUNK), 400),
    "chunks and length": (post(CHUNKED, b"Content-Length: 5", body=NO_CHUNK), 400),
    "two lengths": (post(b"Content-Length: 5", b"Content-Length: " + LENGTH, body=NOTIFIER), 400),
    "the same length twice": (post(b"Content-Length: " + LENGTH, b"Content-Length: " + LENGTH), 400),
    "a list of lengths": (sized(LENGTH + b", " + LENGTH), 400),
    "a length with a sign": (sized(b"+" + LENGTH), 400),
    "a negative length": (sized(b"-1"), 400),
    "a hexadecimal length": (sized(b"0x10"), 400),
    "a length with an underscore": (sized(b"1_0"), 400),
    "no length": (sized(b""), 400),
    "a length in other digits": (sized("۳".encode()), 400),
    "a blank before the length's colon": (post(b"Content-Length : 3", body=b"abc"), 400),
    "a blank before the coding's colon": (post(b"Transfer-Encoding : chunked", body=NO_CHUNK), 400),
    "no coding": (coded(b"identity"), 400),
    "chunks in chunks": (coded(b"chunked, chunked"), 400),
    "chunks twice": (post(CHUNKED, CHUNKED, body=CHUNK + NO_CHUNK), 400),
    "chunks within another coding": (coded(b"chunked, identity"), 400),
    "a coding after a vertical tab": (coded(b"\x0bchunked"), 400),
    "a coding in quotes": (coded(b'"chunked"'), 501),
    "an unknown coding": (coded(b"xchunked"), 501),
    "chunks in HTTP/1.0": (post(CHUNKED, body=CHUNK + NO_CHUNK, version=b"1.0"), 400),
    "a folded header": (get(b"X-A: b", b" c"), 400),
    "a header folded by a tab": (get(b"X-A: b", b"\tc"), 400),
    "a folded coding": (post(b"Transfer-Encoding:", b" chunked", body=NO_CHUNK), 400),
    "a header that begins with a blank": (b"GET /healthz HTTP/1.1\r\n X: y\r\nHost: x\r\n\r\n", 400),
    "a bare line feed": (get(b"X-A: b\nX-B: c"), 400),
    "a bare carriage return": (get(b"X-A: b\rX-B: c"), 400),
    "a null character": (get(b"X-A: b\0c"), 400),
    "a null character in a name": (get(b"X\0A: b"), 400),
    "no colon": (get(b"X-A"), 400),
    "no name": (get(b": b"), 400),
    "a blank in a name": (get(b"X A: b"), 400),
    "a name in other letters": (get("X-é: b".encode()), 400),
    "two hosts": (get(b"Host: y"), 400),
    "two types": (post(b"Content-Type: text/plain", b"Content-Length: 2", body=b"{}"), 400),
    "HTTP/2": (get(start=b"GET /healthz HTTP/2.0"), 400),
    "HTTP/2 without asking": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    "HTTP/0.9": (b"GET /healthz\r\n\r\n", 400),
    "a method in small letters": (get(start=b"get /healthz HTTP/1.1"), 400),
    "an odd method": (get(start=b"G@T /healthz HTTP/1.1"), 400),
    "two blanks": (get(start=b"GET  /healthz HTTP/1.1"), 400),
    "tabs": (get(start=b"GET\t/healthz\tHTTP/1.1"), 400),
    "many headers": (get(*(b"X-%d: y" % number for number in range(100))), 431),
    "a long header": (get(b"X-A: " + b"a" * 8190), 431),
    "a long URL": (get(start=b"GET /healthz?" + b"a" * 4094 + b" HTTP/1.1"), 414),
}
"""What the server refuses, before the application sees it."""

BROKEN = {
    "a hexadecimal chunk with a prefix": chunks(b"0x" + CHUNK + NO_CHUNK),
    "a chunk with a sign": chunks(b"+" + CHUNK + NO_CHUNK),
    "a negative chunk": chunks(b"-" + CHUNK + NO_CHUNK),
    "a chunk with an underscore": chunks(b"0_" + CHUNK + NO_CHUNK),
    "a blank before a chunk": chunks(b" " + CHUNK + NO_CHUNK),
    "chunks that end with a line feed": chunks(CHUNK.replace(b"\r\n", b"\n") + b"0\n\n"),
    "a chunk that is longer than it says": chunks(b"2\r\n" + NOTIFIER + b"\r\n" + NO_CHUNK),
    "a chunk without its end": chunks(CHUNK.rstrip() + NO_CHUNK),
    "a line feed in a chunk's extension": chunks(CHUNK.replace(b"\r\n", b";a\nb\r\n", 1) + NO_CHUNK),
    "a trailer without a colon": chunks(CHUNK + b"0\r\nX Y\r\n\r\n"),
}
"""Bodies that are refused when they are read."""

TAKEN: dict[str, tuple[bytes, int]] = {
    "a body with its length": (sized(LENGTH), 201),
    "a body in chunks": (chunks(CHUNK + NO_CHUNK), 201),
    "a coding in capitals": (coded(b"CHUNKED"), 201),
    "an extension of a chunk": (chunks(CHUNK.replace(b"\r\n", b';a=b;c="d"\r\n', 1) + NO_CHUNK), 201),
    "a trailer": (chunks(CHUNK + b"0\r\nX: y\r\n\r\n"), 201),
    # Names with an underscore could be read as the others; they are left out.
    "a length with an underscore in its name": (get(b"Content_Length: 500"), 200),
    "a coding with an underscore in its name": (get(b"Transfer_Encoding: chunked"), 200),
    "no host": (b"GET /api/me HTTP/1.1\r\n\r\n", 400),
    "no host, of a probe": (b"GET /healthz HTTP/1.1\r\n\r\n", 200),
    "an absolute URL": (get(start=b"GET http://x/healthz HTTP/1.1"), 200),
    "two tokens": (
        get(b"Authorization: Token TOKEN", b"Authorization: Token x", start=b"GET /api/me HTTP/1.1"),
        401,
    ),
    "a token twice": (
        get(*[b"Authorization: Token TOKEN"] * 2, start=b"GET /api/me HTTP/1.1"),
        401,
    ),
    "cookies": (get(b"Cookie: " + b"a=b; " * 1000, start=b"GET /api/me HTTP/1.1"), 401),
    "a form": (
        get(
            b"Authorization: Token TOKEN",
            b"Content-Type: multipart/form-data; boundary=x",
            b"Content-Length: 2",
            start=b"POST %s HTTP/1.1" % SMS.encode(),
        )
        + b"{}",
        415,
    ),
    "99 headers": (get(*(b"X-%d: y" % number for number in range(98))), 200),
}
"""After these the next request is answered, too."""


def ask(server: Server, data: bytes) -> bytes:
    """Return all that is answered to a request and the next one, until the server closes the connection."""
    url = urlsplit(server.url)
    with socket.create_connection((url.hostname or "", url.port or 0), 20) as client:
        client.sendall(data + NEXT)
        answered = b""
        while piece := client.recv(1 << 16):
            answered += piece
    return answered


def statuses(answered: bytes) -> list[int]:
    return [int(status) for status in re.findall(rb"HTTP/1\.\d (\d{3}) ", answered)]


@pytest.fixture
def server(gunicorn: Callable[..., Server], options: tuple[str, ...]) -> Server:
    return gunicorn(*options, workers=1)


def test_what_can_be_read_in_two_ways_is_refused_and_nothing_after_it_is_taken(
    server: Server, api: Api, app: Flask, options: tuple[str, ...]
) -> None:
    token = str(api.token).encode()
    answers = {name: ask(server, data.replace(b"TOKEN", token)) for name, (data, _) in REFUSED.items()}
    assert {name: statuses(answer) for name, answer in answers.items()} == {
        name: [status] for name, (_, status) in REFUSED.items()
    }
    for answer in answers.values():
        head = answer.partition(b"\r\n\r\n")[0]
        assert b"\r\nConnection: close" in head
        assert not re.search(rb"\r\nServer: .*\d", head)
        if options == (WORKER,):
            assert refused(answer)[0] == statuses(answer)[0]
            for header, value in OF_ALL.items():
                assert f"\r\n{header}: {value}\r\n".encode() in answer
    assert stored(app)["sms_notifiers"] == []


@pytest.mark.slow
def test_a_body_that_is_framed_wrongly_is_refused_and_nothing_after_it_is_taken(
    server: Server, api: Api, app: Flask
) -> None:
    token = str(api.token).encode()
    answers = {name: ask(server, data.replace(b"TOKEN", token)) for name, data in BROKEN.items()}
    assert {name: statuses(answer) for name, answer in answers.items()} == {name: [400] for name in BROKEN}
    assert stored(app)["sms_notifiers"] == []


@pytest.mark.slow
def test_what_is_right_is_taken_and_so_is_the_next_request(server: Server, api: Api, app: Flask) -> None:
    token = str(api.token).encode()
    answers = {name: ask(server, data.replace(b"TOKEN", token)) for name, (data, _) in TAKEN.items()}
    assert {name: statuses(answer) for name, answer in answers.items()} == {
        name: [status, 200] for name, (_, status) in TAKEN.items()
    }
    assert len(stored(app)["sms_notifiers"]) == [status for _, status in TAKEN.values()].count(201)
    for answer in answers.values():
        assert not re.search(rb"\r\nServer: .*\d", answer)
        for header, value in OF_ALL.items():
            assert answer.count(f"\r\n{header}: {value}\r\n".encode()) == 2
