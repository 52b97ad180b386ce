"""Faulty peers and crafty clients of HTTP, through the whole service."""

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.simulators import MeliPayamakSimulator, melipayamak
from tests.simulators.server import Reply, Request
from tests.support.live import Live
from tests.support.peers import trickling
from tests.support.processes import free_port
from tests.support.service import Service, until
from tests.webhooks.receiver import Receiver

EARLY_HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n"
SMS, EMAIL, WEBHOOKS = (f"notifications/{name}" for name in ("notifiers/sms", "notifiers/email", "webhooks"))


@pytest.fixture
def receiver(live: Live) -> Iterator[tuple[Receiver, dict[str, Any]]]:
    """Give a receiver and its webhook, which only test events go to."""
    with Receiver() as started:
        made = live.make(WEBHOOKS, {"url": started.url, "events": ["otp.verified"]})
        yield started, made
        assert live.call("DELETE", f"{WEBHOOKS}/{made['id']}")[0] == 204


def attempted(live: Live, webhook: int) -> dict[str, Any]:
    """Send a test event, and return its delivery after the first attempt."""
    id_ = live.make(f"{WEBHOOKS}/{webhook}/test", {})["id"]

    def delivery() -> Any:
        found = live.call("GET", f"{WEBHOOKS}/{webhook}/deliveries")[1]["results"]
        return next((one for one in found if one["id"] == id_ and one["duration_ms"] is not None), None)

    return dict(until(delivery, "the webhook is attempted"))


@contextmanager
def interrupted(console: MeliPayamakSimulator, before: bytes) -> Iterator[None]:
    """Have a provider write something before each of its answers."""
    answer = console.server.answer

    def early(request: Request) -> Reply:
        reply = answer(request)
        reply.before = before
        return reply

    console.server.answer = early
    yield
    console.server.answer = answer


def test_an_early_hint_is_not_the_answer_of_a_provider(live: Live) -> None:
    with interrupted(live.melipayamak, EARLY_HINTS * 3):
        sent = live.send(channel="sms", to="09121110001", text="one text")
    assert (sent["status"] in {"sent", "delivered"}, len(sent["attempts"])) == (True, 1)
    assert len(live.melipayamak.journal.messages("09121110001")) == 1


def test_an_early_hint_is_not_the_answer_of_a_receiver(
    live: Live, receiver: tuple[Receiver, dict[str, Any]]
) -> None:
    started, webhook = receiver
    started.reply(Reply(200, b"ok", before=EARLY_HINTS))
    done = attempted(live, webhook["id"])
    assert (done["status"], done["response_status"], done["attempts"]) == ("delivered", 200, 1)
    assert len(started.requests) == 1


def test_a_retry_after_that_no_clock_knows_ends_the_attempt_and_is_logged(
    live: Live, receiver: tuple[Receiver, dict[str, Any]]
) -> None:
    started, webhook = receiver
    asked = "Dec 31 9999 23:59:5999999999999999999999-0001,"
    started.reply(Reply(503, b"busy", headers={"Retry-After": asked}))
    done = attempted(live, webhook["id"])
    assert (done["status"], done["response_status"], done["attempts"]) == ("pending", 503, 1)
    assert done["next_attempt_at"]
    line = f"Webhook {webhook['id']}: attempt 1 of delivery {done['id']} failed: The receiver answered 503."
    until(lambda: line in live.service.err, "the log tells of it")
    assert "a-secret-of-the-url" not in live.service.err


def test_a_target_that_is_refused_says_what_would_allow_it(live: Live) -> None:
    for url in ("http://shop.example.com/", "https://10.0.0.1/"):
        status, refused = live.call("POST", WEBHOOKS, {"url": url, "events": ["otp.verified"]})
        assert status == 400
        assert "NOTIFYHUB_WEBHOOK_ALLOW" in refused["url"][0]


@pytest.mark.parametrize("token", [".", "..", " .. "])
def test_a_token_that_would_shorten_a_path_is_refused(live: Live, token: str) -> None:
    body = {"name": "x", "backend": "melipayamak", "settings": {"token": token}}
    status, refused = live.call("POST", SMS, body)
    assert (status, list(refused["settings"])) == (400, ["token"])


def test_a_check_without_a_line_is_not_ok(live: Live) -> None:
    settings = {"token": live.melipayamak.token}
    made = live.make(SMS, {"name": "lineless", "backend": "melipayamak", "settings": settings})["id"]
    found = live.call("POST", f"{SMS}/{made}/check")[1]
    assert (found["ok"], found["detail"]) == (
        False,
        "The notifier's settings hold no number to send texts from.",
    )
    assert live.call("DELETE", f"{SMS}/{made}")[0] == 204


def test_one_token_does_not_stall_the_api_with_checks(live: Live) -> None:
    """Of twenty checks, four at most run in each of the two processes; the others are told to come back."""
    with trickling(b"220-a\r\n") as port:
        body = {"name": "slow", "host": "127.0.0.1", "port": port, "username": "", "password": ""}
        slow = live.make(EMAIL, {**body, "from_email": "a@example.com", "use_tls": False})["id"]
        statuses: list[int] = []
        threads = [
            threading.Thread(target=lambda: statuses.append(live.call("POST", f"{EMAIL}/{slow}/check")[0]))
            for _ in range(20)
        ]
        for thread in threads:
            thread.start()
        until(lambda: len(statuses) >= 12, "twelve of them are refused at once", 5)
        began = time.monotonic()
        assert live.service.get("/healthz")[0] == 200
        assert live.call("GET", EMAIL)[0] == 200
        assert time.monotonic() - began < 2
        assert set(statuses) == {429}
    for thread in threads:
        thread.join(15)
    assert sorted(set(statuses)) == [200, 429]
    assert live.call("DELETE", f"{EMAIL}/{slow}")[0] == 204


@pytest.fixture(scope="module")
def masking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Service, str]]:
    """The service with masked secrets."""
    folder = tmp_path_factory.mktemp("masking") / "service"
    folder.mkdir()
    variables = {"NOTIFYHUB_INSTANCE": str(folder / "instance"), "NOTIFYHUB_MASK_SECRETS": "1"}
    service = Service(folder, variables, "up", "--workers", "1", port=free_port())
    try:
        service.wait_until_it_serves()
        yield service, service.key
    finally:
        service.stop()


def test_masked_secrets_are_demanded_of_whoever_sends_them_elsewhere(masking: tuple[Service, str]) -> None:
    service, key = masking
    email = {"name": "m", "host": "mail.example.com", "username": "u", "from_email": "a@example.com"}
    mail = service.post(f"/api/{EMAIL}", {**email, "password": "a-password-of-mail"}, key)
    assert mail["password"] == "••••mail"
    url = f"/api/{EMAIL}/{mail['id']}"
    for change in ({"host": "evil.example"}, {"use_tls": False, "password": "••••mail"}):
        status, refused = service.request("PATCH", url, change, key)
        assert (status, list(refused)) == (400, ["password"])
    assert service.request("PATCH", url, {"host": "new.example", "password": "known"}, key)[0] == 200
    settings = {"token": "a-token-of-mine", "number": melipayamak.NUMBER, "from_number": "+983000505"}
    sms = service.post(f"/api/{SMS}", {"name": "s", "backend": "melipayamak", "settings": settings}, key)
    url = f"/api/{SMS}/{sms['id']}"
    status, refused = service.request("POST", url, {"backend": "ippanel"}, key)
    assert (status, list(refused["settings"])) == (400, ["token"])
    assert re.fullmatch("Give the secret itself.*", refused["settings"]["token"][0])
    assert service.request("PATCH", url, {"backend": "ippanel", "settings": settings}, key)[0] == 200
