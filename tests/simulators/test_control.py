"""The control endpoint, as another process uses it."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from tests.simulators import IPPanelSimulator, MeliPayamakSimulator, SMTPSimulator
from tests.simulators.journal import Received
from tests.simulators.melipayamak import SUCCESS, TOKEN
from tests.simulators.provider import Provider
from tests.simulators.server import Request

Simulator = IPPanelSimulator | MeliPayamakSimulator | SMTPSimulator


def call(url: str, method: str = "GET", body: object = None) -> tuple[int, Any]:
    request = urllib.request.Request(url, None if body is None else json.dumps(body).encode(), method=method)
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read() or "null")


@pytest.fixture
def console() -> Iterator[MeliPayamakSimulator]:
    with MeliPayamakSimulator() as simulator:
        yield simulator


def send(console: MeliPayamakSimulator, to: str = "09121234567") -> tuple[int, Any]:
    body = {"bodyId": 13420, "to": to, "args": ["12345"]}
    return call(f"{console.url}/send/shared/{TOKEN}", "POST", body)


def test_accepted_messages_are_counted_shown_and_forgotten(console: MeliPayamakSimulator) -> None:
    for to in ("09121234567", "09121234567", "09121234568"):
        assert send(console, to)[1]["status"] == SUCCESS
    assert call(f"{console.control_url}/counts") == (200, {"09121234567": 2, "09121234568": 1})
    [shown] = call(f"{console.control_url}/messages?recipient=09121234568")[1]
    assert (shown["text"], shown["params"]) == ("Your login code is 12345", ["12345"])
    call(f"{console.control_url}/messages", "DELETE")
    assert call(f"{console.control_url}/counts") == (200, {})


def test_troubles_are_queued_in_order_and_ended(console: MeliPayamakSimulator) -> None:
    troubles = f"{console.control_url}/troubles"
    call(troubles, "POST", {"kind": "server_error", "times": 2})
    call(troubles, "POST", {"kind": "no_credit", "recipient": "09121234568", "times": None})
    assert [send(console)[0] for _ in range(3)] == [500, 500, 200]
    assert [send(console, "09121234568")[1]["recId"] for _ in range(3)] == [0, 0, 0]
    call(troubles, "DELETE")
    assert send(console, "09121234568")[1]["recId"] > 0


def test_reports_advance_and_switches_turn(console: MeliPayamakSimulator) -> None:
    assert call(console.control_url, "PATCH", {"reports": "on_demand", "latency": 0.01})[0] == 200
    sent = send(console)[1]["recId"]
    status = f"{console.url}/receive/status/{TOKEN}"
    assert call(status, "POST", {"recIds": [sent]})[1]["resultsAsCode"] == [200]
    call(f"{console.control_url}/reports", "POST", {"state": "delivered", "id": str(sent)})
    assert call(status, "POST", {"recIds": [sent]})[1]["resultsAsCode"] == [1]


def test_calls_beyond_the_limit_are_429_until_a_second_has_passed(console: MeliPayamakSimulator) -> None:
    call(console.control_url, "PATCH", {"most_per_second": 5})
    started = time.monotonic()
    statuses = [send(console)[0] for _ in range(9)]
    assert time.monotonic() - started < 1, "the machine is too slow to tell"
    assert statuses == [200] * 5 + [429] * 4
    assert console.too_fast == 4
    time.sleep(1.05)
    assert send(console)[0] == 200
    call(console.control_url, "PATCH", {"most_per_second": None})
    assert [send(console)[0] for _ in range(9)] == [200] * 9


def test_fewer_calls_than_one_in_a_second_may_be_allowed(console: MeliPayamakSimulator) -> None:
    console.most_per_second = 0.5
    assert [send(console)[0] for _ in range(2)] == [200, 429]


@pytest.mark.parametrize(("asked", "shown"), [(None, None), (7, "7"), ("soon", "soon")])
@pytest.mark.parametrize("kind", [IPPanelSimulator, MeliPayamakSimulator])
def test_a_429_may_say_how_long_to_wait(
    kind: type[Provider], asked: int | str | None, shown: str | None
) -> None:
    with kind() as simulator:
        call(simulator.control_url, "PATCH", {"most_per_second": 0.001, "retry_after": asked})
        simulator.answer(Request("GET", "/", {}, {}, b""))
        reply = simulator.answer(Request("GET", "/", {}, {}, b""))
        assert (reply.status, reply.headers.get("Retry-After")) == (429, shown)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/nothing", None),
        ("POST", "/troubles", {"kind": "no such thing"}),
        ("POST", "/troubles", {"kind": "html", "on": "mars"}),
        ("POST", "/troubles", {}),
        ("POST", "/reports", {"state": "lost"}),
        ("PATCH", "", {"latency": "slow"}),
        ("PATCH", "", {"most_per_second": "5"}),
        ("PATCH", "", {"journal": 1}),
    ],
)
@pytest.mark.parametrize("kind", [IPPanelSimulator, MeliPayamakSimulator, SMTPSimulator])
def test_a_wrong_order_is_refused(kind: type[Simulator], method: str, path: str, body: object) -> None:
    with kind() as simulator:
        status, answer = call(f"{simulator.control_url}{path}", method, body)
        assert status == 400
        assert answer["detail"]


def test_the_journal_waits_for_messages(console: MeliPayamakSimulator) -> None:
    heard: list[Received] = []
    console.journal.listener = heard.append
    send(console)
    assert console.journal.wait_for(1) == heard
    with pytest.raises(TimeoutError):
        console.journal.wait_for(2, 0.05)
