import contextlib
import gzip
import os
import socket
import threading
import time
from collections.abc import Iterator
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from urllib3.util import parse_url

from notifyhub.providers import transport
from notifyhub.providers.errors import NotifierTrouble, Uncertain
from notifyhub.providers.http import MAX_ANSWER_BYTES, Answer, Client, path_segment, required_text
from notifyhub.providers.sockets import Timeouts
from tests.simulators.certificate import Certificate
from tests.simulators.server import Reply, Request, Server

IMPATIENT = Timeouts(connect=0.5, read=1)


class Echo:
    """A server that answers what it is told, and keeps the requests."""

    def __init__(self) -> None:
        self.reply = Reply(200, {"ok": True})
        self.requests: list[Request] = []
        self.server = Server(self._answer)

    def _answer(self, request: Request) -> Reply:
        self.requests.append(request)
        return self.reply


@pytest.fixture
def echo() -> Iterator[Echo]:
    echo = Echo()
    echo.server.start()
    yield echo
    echo.server.stop()


@pytest.fixture
def client(echo: Echo) -> Client:
    return Client(echo.server.address, timeouts=IMPATIENT)


def test_connections_are_reused(echo: Echo, client: Client) -> None:
    for number in range(20):
        assert client.post("/send", {"n": number}) == Answer(200, {"ok": True})
    assert echo.server.connections == 1
    assert [r.body for r in echo.requests] == [{"n": n} for n in range(20)]


def test_a_connection_that_the_server_closed_meanwhile_is_replaced(echo: Echo, client: Client) -> None:
    client.post("/send", {})
    echo.server.stop()
    echo.server.start()
    assert client.post("/send", {}).status == 200


def test_threads_share_the_pool(echo: Echo, client: Client) -> None:
    threads = [threading.Thread(target=lambda: [client.post("/", {}) for _ in range(20)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(echo.requests) == 160
    assert echo.server.connections <= 8


def test_a_forked_worker_opens_its_own_connections(echo: Echo, client: Client) -> None:
    client.post("/", {})
    if (child := os.fork()) == 0:
        try:
            client.post("/", {})
            os._exit(0)
        finally:
            os._exit(1)
    assert os.waitpid(child, 0)[1] == 0
    client.post("/", {})
    assert echo.server.connections == 2


@pytest.mark.parametrize("status", [100, 102, 103, 199])
def test_an_interim_answer_is_not_the_answer(echo: Echo, client: Client, status: int) -> None:
    """RFC 9110, 15.2."""
    echo.reply = Reply(200, {"ok": True}, before=f"HTTP/1.1 {status} Wait\r\nLink: <x>\r\n\r\n".encode() * 3)
    assert client.post("/send", {}) == Answer(200, {"ok": True})
    assert client.post("/send", {}) == Answer(200, {"ok": True})
    assert echo.server.connections == 1


def test_a_switch_of_protocols_is_uncertain(echo: Echo, client: Client) -> None:
    echo.reply = Reply(200, {"ok": True}, before=b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n")
    with pytest.raises(Uncertain, match="connection_lost"):
        client.post("/send", {})


def test_redirects_and_proxies_are_not_followed(
    echo: Echo, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    echo.reply = Reply(302, b"", headers={"Location": f"{echo.server.address}/other"})
    assert client.post("/send", {}).status == 302
    assert [r.path for r in echo.requests] == ["/send"]


@pytest.mark.parametrize("fate", ["trickle", "silence"])
def test_an_answer_that_never_ends_is_a_timeout(echo: Echo, client: Client, fate: str) -> None:
    echo.reply = Reply(200, {"ok": "x" * 1000}, fate=fate, seconds=0.05 if fate == "trickle" else 30)
    started = time.monotonic()
    with pytest.raises(Uncertain, match="timeout"):
        client.post("/send", {})
    assert time.monotonic() - started < 4


@pytest.mark.parametrize("status", [200, 500])
@pytest.mark.parametrize(
    ("size", "read"), [(MAX_ANSWER_BYTES - 20, True), (MAX_ANSWER_BYTES + 1, False), (3_000_000, False)]
)
def test_an_answer_is_limited_in_size(echo: Echo, client: Client, status: int, size: int, read: bool) -> None:
    echo.reply = Reply(status, {"x": "y" * size})
    answer = client.post("/send", {})
    assert answer.status == status
    assert (answer.body is not None) == read
    assert ("too long" in answer.problem) != read
    echo.reply = Reply(200, {"ok": True})
    assert client.post("/send", {}).body == {"ok": True}


def test_a_small_answer_that_unpacks_to_a_big_one_is_limited_too(echo: Echo, client: Client) -> None:
    packed = gzip.compress(b'"' + b"x" * 50_000_000 + b'"')
    assert len(packed) < MAX_ANSWER_BYTES
    echo.reply = Reply(200, packed, headers={"Content-Encoding": "gzip"})
    assert "too long" in client.post("/send", {}).problem


@pytest.mark.parametrize(
    ("body", "kind", "problem"),
    [
        (b"<html></html>", "text/html", "text/html, not JSON"),
        (b"{}", "text/plain; charset=utf-8", "text/plain, not JSON"),
        (b"{}", "", "of no type"),
        (b"", "application/json", "not JSON"),
        (b"{", "application/json", "not JSON"),
        (b"NaN", "application/json", "not JSON"),
        (b"\xff", "application/json", "not JSON"),
        (b"[" * 60_000, "application/json", "not JSON"),
        (b"9" * 5000, "application/json", "not JSON"),
        (b"null", "application/json", "null"),
    ],
)
@pytest.mark.parametrize("status", [200, 400])
def test_what_is_not_json_has_a_status_and_a_problem(
    *, echo: Echo, client: Client, body: bytes, kind: str, problem: str, status: int
) -> None:
    echo.reply = Reply(status, body, kind)
    answer = client.post("/send", {})
    assert (answer.status, answer.body) == (status, None)
    assert problem in answer.problem


@pytest.mark.parametrize("status", [400, 500])
def test_half_an_error_still_has_its_status(echo: Echo, client: Client, status: int) -> None:
    echo.reply = Reply(status, {"detail": "some words"}, fate="half")
    answer = client.post("/send", {})
    assert (answer.status, answer.body) == (status, None)
    assert "broke off" in answer.problem


@pytest.mark.parametrize(
    ("header", "seconds"), [("7", 7), ("86400", 300), ("Sat, 01 Mar 2025 11:00:00 GMT", 0), ("soon", None)]
)
@pytest.mark.parametrize("fate", ["whole", "half"])
def test_an_answer_says_how_long_to_wait(
    *, echo: Echo, client: Client, header: str, seconds: int | None, fate: str
) -> None:
    echo.reply = Reply(429, {"detail": "Too many."}, headers={"Retry-After": header}, fate=fate)
    assert client.post("/send", {}).retry_after == seconds


def _closed_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.mark.parametrize("host", ["127.0.0.1", "no-such-host.invalid", "a..b"])
def test_without_a_connection_nothing_is_uncertain(host: str) -> None:
    with pytest.raises(NotifierTrouble) as caught:
        Client(f"http://{host}:{_closed_port()}", timeouts=IMPATIENT).post("/secret-path", {})
    assert caught.value.code == "unreachable"
    assert "secret-path" not in str(caught.value)


def test_a_server_that_never_accepts_is_unreachable() -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
        with pytest.raises(NotifierTrouble, match="unreachable"):
            Client(f"http://127.0.0.1:{port}", timeouts=IMPATIENT).post("/", {})
        for filler in fillers:
            filler.close()


@pytest.mark.parametrize("speaks", [False, True])
def test_a_tls_handshake_that_fails_or_never_ends_is_unreachable(speaks: bool) -> None:
    """Nothing was asked yet: urllib3 calls this a read time-out, but it is not uncertain."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()

        def accept() -> None:
            connection, _ = server.accept()
            with connection:
                if speaks:
                    connection.sendall(b"HTTP/1.1 400 No TLS here\r\n\r\n")
                connection.settimeout(2)
                with contextlib.suppress(ConnectionError):
                    while connection.recv(4096):
                        pass

        thread = threading.Thread(target=accept)
        thread.start()
        with pytest.raises(NotifierTrouble, match="unreachable"):
            Client(f"https://127.0.0.1:{server.getsockname()[1]}", timeouts=IMPATIENT).post("/", {})
        thread.join()


def test_tls_works_with_a_known_certificate_and_not_with_an_unknown_one(
    echo: Echo, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = Certificate()
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        for _ in range(2):
            try:
                with certificate.context.wrap_socket(listener.accept()[0], server_side=True) as tls:
                    tls.recv(65536)
                    tls.sendall(Reply(200, {"ok": True}).as_bytes())
                    tls.recv(65536)
            except OSError:
                continue

    thread = threading.Thread(target=serve)
    thread.start()
    address = f"https://127.0.0.1:{listener.getsockname()[1]}"
    with pytest.raises(NotifierTrouble, match="certificate verify failed"):
        Client(address, timeouts=IMPATIENT).get("/")
    transport._shared_pool.cache_clear()
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.path))
    assert Client(address, timeouts=IMPATIENT).get("/").body == {"ok": True}
    transport._shared_pool.cache_clear()
    thread.join(5)
    listener.close()


@given(st.text())
def test_a_setting_that_goes_into_a_header_is_one_line_of_ascii(value: str) -> None:
    try:
        text = required_text({"token": value}, "token")
    except NotifierTrouble as error:
        assert value.strip() == "" or value not in error.detail  # noqa: PT017 - both ways are right
    else:
        assert text.isascii()
        assert text.isprintable()
        assert text == value.strip()


@given(
    st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1)
    | st.sampled_from([".", "..", "%2e", "a/.."])
)
def test_a_value_in_a_path_is_one_segment_as_given(value: str) -> None:
    """The path that goes out still names it: nobody on the way takes it out, or apart."""
    try:
        segment = path_segment(value, "token")
    except NotifierTrouble as error:
        assert (value in {".", ".."}, error.code) == (True, "bad_settings")  # noqa: PT017 - both are right
    else:
        sent = parse_url(f"https://console.example.com/api/send/{segment}").request_uri
        assert unquote(sent.removeprefix("/api/send/")) == value
        assert sent.count("/") == 3
