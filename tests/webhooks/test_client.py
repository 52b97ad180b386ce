"""The HTTP client against receivers that behave badly, and addresses that nothing may be sent to."""

import socket
import time
from typing import Any

import pytest

from notifyhub.providers import sockets
from notifyhub.providers.sockets import Timeouts
from notifyhub.text.hosts import AllowedHosts
from notifyhub.webhooks import client
from notifyhub.webhooks.client import MAX_BODY_BYTES_KEPT, MAX_BODY_BYTES_READ, WebhookResponse
from notifyhub.webhooks.targets import NOT_PUBLIC, ONLY_HTTPS
from tests.simulators.server import Reply
from tests.support.processes import free_port
from tests.webhooks.receiver import Receiver, SecureReceiver

HERE = AllowedHosts.read(["127.0.0.1"])
NOWHERE = AllowedHosts.read([])
LATE = "The receiver did not answer in time."


def post(url: str, allowed: AllowedHosts = HERE, read: float = 5) -> WebhookResponse:
    return client.post(url, '{"a":"سلام"}', {"webhook-id": "msg_1"}, allowed, Timeouts(connect=1, read=read))


def test_a_body_is_posted_with_its_headers(receiver: Receiver) -> None:
    assert post(receiver.url) == WebhookResponse(200, "ok")
    (request,) = receiver.requests
    assert (request.method, request.path) == ("POST", "/hook")
    assert request.query == {"key": "a-secret-of-the-url"}
    assert request.raw.decode() == '{"a":"سلام"}'
    assert request.headers["content-type"] == "application/json"
    assert request.headers["webhook-id"] == "msg_1"
    assert request.headers["user-agent"] == "NotifyHub"
    assert request.headers["host"] == f"127.0.0.1:{receiver.server.port}"
    assert "gzip" not in request.headers.get("accept-encoding", "")


def test_a_redirect_is_an_answer_and_not_followed(receiver: Receiver) -> None:
    receiver.reply(Reply(302, b"", headers={"Location": receiver.url}))
    assert post(receiver.url) == WebhookResponse(302, "")
    assert len(receiver.requests) == 1


@pytest.mark.parametrize("status", [100, 102, 103])
def test_an_interim_answer_is_not_the_answer(receiver: Receiver, status: int) -> None:
    receiver.reply(Reply(204, b"", before=f"HTTP/1.1 {status} Wait\r\nLink: <x>\r\n\r\n".encode() * 3))
    assert post(receiver.url) == WebhookResponse(204, "")


def test_a_switch_of_protocols_is_a_failure(receiver: Receiver) -> None:
    receiver.reply(Reply(200, b"ok", before=b"HTTP/1.1 101 Switching Protocols\r\n\r\n"))
    answer = post(receiver.url)
    assert answer.status is None
    assert "another protocol" in (answer.error or "")


def test_of_an_answer_the_beginning_is_kept(receiver: Receiver) -> None:
    receiver.reply(Reply(500, b"a\0\xff" + b"b" * 10_000, headers={"Retry-After": "7"}))
    answer = post(receiver.url)
    assert answer.status == 500
    assert answer.body == "a\ufffd\ufffd" + "b" * (MAX_BODY_BYTES_KEPT - 3)
    assert answer.retry_after == "7"


def test_a_huge_answer_is_not_read_to_its_end(receiver: Receiver) -> None:
    receiver.reply(Reply(200, b"x" * 100_000_000))
    started = time.monotonic()
    assert post(receiver.url) == WebhookResponse(200, "x" * MAX_BODY_BYTES_KEPT)
    assert time.monotonic() - started < 1
    assert MAX_BODY_BYTES_READ == 64 * 1024


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (Reply(200, b"ok", fate="silence", seconds=30), WebhookResponse(None, error=LATE)),
        (Reply(200, b"ok", fate="trickle", seconds=0.2), WebhookResponse(None, error=LATE)),
        (
            Reply(200, b"ok", fate="reset"),
            WebhookResponse(None, error="No answer from the receiver: the connection broke off."),
        ),
        # The status has come, and says it all.
        (Reply(200, b"x" * 3000, fate="half"), WebhookResponse(200, "x" * MAX_BODY_BYTES_KEPT)),
    ],
    ids=["slow", "trickling", "resetting", "cut off"],
)
def test_a_receiver_that_behaves_badly_is_not_waited_for(
    receiver: Receiver, reply: Reply, expected: WebhookResponse
) -> None:
    receiver.reply(reply)
    started = time.monotonic()
    assert post(receiver.url, read=0.3) == expected
    assert time.monotonic() - started < 2


def test_headers_without_end_are_no_answer(receiver: Receiver) -> None:
    receiver.reply(Reply(200, b"", headers={f"X-{n}": "x" for n in range(200)}))
    answer = post(receiver.url)
    assert answer.status is None
    assert answer.error == "No answer from the receiver: what came is not HTTP."


def test_what_is_not_there_is_told_without_the_url(receiver: Receiver) -> None:
    answer = post(f"http://127.0.0.1:{free_port()}/a-secret-path")
    assert answer == WebhookResponse(None, error="No answer from the receiver: Connection refused.")


def test_a_name_that_does_not_exist_is_an_error() -> None:
    answer = post("https://receiver.invalid/")
    assert answer.status is None
    assert (answer.error or "").startswith("No answer from the receiver: ")


def test_environment_s_proxies_are_not_used(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    assert post(receiver.url).status == 200


@pytest.mark.parametrize(
    "allowed", [NOWHERE, AllowedHosts.read(["localhost", "10.0.0.0/8"])], ids=["nothing", "others"]
)
def test_an_address_that_is_not_allowed_is_not_connected_to(
    receiver: Receiver, allowed: AllowedHosts
) -> None:
    answer = post(receiver.url, allowed)
    assert answer == WebhookResponse(None, error=ONLY_HTTPS)
    assert receiver.server.connections == 0


class Names:
    """A resolver that gives a name another address at each look-up."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> None:
        self.answers = list(answers)
        self._look_up = socket.getaddrinfo
        monkeypatch.setattr(socket, "getaddrinfo", self)

    def __call__(self, host: str, *args: Any, **options: Any) -> Any:
        if host != "shop.example.com":
            return self._look_up(host, *args, **options)
        return [found for each in self.answers.pop(0) for found in self._look_up(each, *args, **options)]


@pytest.mark.parametrize("address", ["127.0.0.1", "169.254.169.254", "::1", "::ffff:127.0.0.1", "10.1.2.3"])
def test_a_name_that_leads_to_a_private_address_is_not_followed(
    secure_receiver: SecureReceiver, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    Names(monkeypatch, [address])
    answer = post(f"https://shop.example.com:{secure_receiver.port}/", NOWHERE)
    assert answer == WebhookResponse(None, error=NOT_PUBLIC)
    assert secure_receiver.hosts == []


def test_a_name_is_looked_up_once_so_that_what_is_checked_is_connected_to(
    secure_receiver: SecureReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second look-up would lead to this machine."""
    connected: list[str] = []

    def refuse(place: Any, *_: Any) -> socket.socket:
        connected.append(place[-1][0])
        raise ConnectionRefusedError(111, "Connection refused")

    names = Names(monkeypatch, ["8.8.8.8"], ["127.0.0.1"])
    monkeypatch.setattr(sockets, "_connected", refuse)
    answer = post(f"https://shop.example.com:{secure_receiver.port}/", NOWHERE)
    assert answer == WebhookResponse(None, error="No answer from the receiver: Connection refused.")
    assert connected == ["8.8.8.8"]
    assert names.answers == [["127.0.0.1"]]


def test_of_a_name_s_addresses_those_that_are_allowed_are_tried(
    secure_receiver: SecureReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    Names(monkeypatch, ["127.0.0.2", "127.0.0.1"])
    answer = post(f"https://shop.example.com:{secure_receiver.port}/")
    assert "certificate verify failed" in (answer.error or "")
    assert secure_receiver.hosts == ["shop.example.com"]


def test_tls_is_checked_against_the_name_whatever_address_is_connected_to(
    secure_receiver: SecureReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"https://localhost:{secure_receiver.port}/"
    assert "certificate verify failed" in (post(url).error or "")
    monkeypatch.setenv("SSL_CERT_FILE", str(secure_receiver.certificate.path))
    assert post(url) == WebhookResponse(200, "ok")
    assert secure_receiver.hosts == ["localhost", "localhost"]
    Names(monkeypatch, ["127.0.0.1"])
    answer = post(f"https://shop.example.com:{secure_receiver.port}/")
    assert "certificate verify failed" in (answer.error or "")
    assert secure_receiver.hosts[-1] == "shop.example.com"
