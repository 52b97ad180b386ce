"""The programs of docs/clients.md, run as they are shown, against a service whose answers get lost."""

import os
import re
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.simulators.server import Reply, Request, Server
from tests.support.environment import ROOT
from tests.support.environment import program as installed
from tests.support.live import Live
from tests.support.processes import free_port

DOCUMENT = ROOT / "docs" / "clients.md"
SHOWN = ("09121234567", "order-1234-shipped")
LANGUAGES = {
    "python": ([sys.executable, "-W", "error"], "py"),
    "php": (["php", "-d", "error_reporting=-1", "-d", "display_errors=stderr"], "php"),
    "js": (["node"], "mjs"),
}

WHOLE, HALF, RESET = "whole", "half", "reset"
Fault = str | Reply
"""What becomes of an answer of the service; or what is answered in the place of the service."""


class Front:
    """Passes requests on to the service, and has their answers meet `faults` in turn; then all go out."""

    def __init__(self, port: int, at: int = 0) -> None:
        self.faults: deque[Fault] = deque()
        self.requests: list[Request] = []
        self.server = Server(self._answer, at)
        self._target = f"http://127.0.0.1:{port}"

    def _answer(self, request: Request) -> Reply:
        self.requests.append(request)
        fault = self.faults.popleft() if self.faults else WHOLE
        if isinstance(fault, Reply):
            return fault
        reply = self._pass_on(request)
        reply.fate = fault
        return reply

    def _pass_on(self, request: Request) -> Reply:
        kept = {name: request.headers[name] for name in ("authorization", "content-type", "idempotency-key")}
        passed = urllib.request.Request(f"{self._target}{request.path}", request.raw, kept)
        try:
            with urllib.request.urlopen(passed, timeout=30) as answer:
                return Reply(answer.status, answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return Reply(error.code, error.read())


class Program:
    """A program of the document, with a recipient and a key of its own; `run` returns its exit status."""

    def __init__(self, live: Live, file: Path, command: list[str], key: str) -> None:
        self._live = live
        self._command = [*command, str(file)]
        self.key = key
        self.out = ""
        self.err = ""

    def run(self, port: int) -> int:
        variables = {"API": f"http://127.0.0.1:{port}/api", "TOKEN": self._live.key}
        done = subprocess.run(
            self._command,
            env={**os.environ, **variables},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        self.out, self.err = done.stdout, done.stderr
        return done.returncode


def program_of(language: str) -> str:
    found = re.findall(f"```{language}\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    return str(found[0])


@pytest.fixture(params=LANGUAGES)
def program(request: pytest.FixtureRequest, live: Live, tmp_path: Path) -> Callable[..., Program]:
    """Give a function that returns a language's program, as it is shown but for the recipient and the key."""
    language = request.param
    command, suffix = LANGUAGES[language]
    installed(command[0])

    def make(to: str) -> Program:
        text, key = program_of(language), f"{language}-{to}"
        for shown, own in zip(SHOWN, (to, key), strict=True):
            assert text.count(shown) == 1
            text = text.replace(shown, own)
        file = tmp_path / f"program.{suffix}"
        file.write_text(text)
        return Program(live, file, command, key)

    return make


@pytest.fixture
def front(live: Live) -> Iterator[Front]:
    started = Front(live.service.port)
    started.server.start()
    yield started
    started.server.stop()


@pytest.fixture
def number() -> str:
    """Return a recipient that nobody else has."""
    return f"0912{time.time_ns() // 1000 % 10_000_000:07}"


def sent(live: Live, number: str) -> list[int]:
    """Return the ids of the messages to a recipient, once they have ended."""
    status, page = live.call("GET", f"notifications/messages?to={number}")
    assert status == 200
    ids = [message["id"] for message in page["results"]]
    for id_ in ids:
        live.ended(id_)
    return ids


@pytest.mark.parametrize(
    "faults",
    [
        pytest.param([], marks=pytest.mark.slow),
        pytest.param([RESET], marks=pytest.mark.slow),
        pytest.param([HALF, RESET], marks=pytest.mark.slow),
        pytest.param(
            [Reply(429, {"detail": "Request was throttled."}, headers={"Retry-After": "0"}), HALF],
            marks=pytest.mark.slow,
        ),
        [Reply(503, {"detail": "The database is away."}, headers={"Retry-After": "0"})],
        pytest.param(
            [Reply(502, b"<html>", "text/html"), Reply(409, {"detail": "A request is still running."})],
            marks=pytest.mark.slow,
        ),
    ],
    ids=["none", "cut", "half and cut", "throttled and half", "unavailable", "proxy and still running"],
)
def test_a_message_is_sent_once_whatever_becomes_of_its_answers(
    live: Live, front: Front, program: Callable[..., Program], number: str, faults: list[Fault]
) -> None:
    one = program(number)
    front.faults.extend(faults)
    assert one.run(front.server.port) == 0, one.err
    (id_,) = sent(live, number)
    assert (int(one.out), one.err) == (id_, "")
    assert len(front.requests) == len(faults) + 1
    assert {request.headers["idempotency-key"] for request in front.requests} == {one.key}
    assert len({request.raw for request in front.requests}) == 1
    (received,) = live.melipayamak.journal.messages(number)
    assert received.text == "سفارش شما ارسال شد"


@pytest.mark.slow
def test_a_wait_that_is_asked_for_is_kept(
    live: Live, front: Front, program: Callable[..., Program], number: str
) -> None:
    front.faults.append(Reply(429, {"detail": "Request was throttled."}, headers={"Retry-After": "3"}))
    started = time.monotonic()
    one = program(number)
    assert one.run(front.server.port) == 0, one.err
    assert time.monotonic() - started >= 3
    assert len(sent(live, number)) == 1


@pytest.mark.slow
def test_a_service_that_is_not_there_yet_is_waited_for(
    live: Live, program: Callable[..., Program], number: str
) -> None:
    late = Front(live.service.port, free_port())
    timer = threading.Timer(1.5, late.server.start)
    timer.start()
    try:
        one = program(number)
        assert one.run(late.server.port) == 0, one.err
    finally:
        timer.join()
        late.server.stop()
    assert len(sent(live, number)) == 1


def test_what_is_refused_is_not_tried_again(
    live: Live, front: Front, program: Callable[..., Program]
) -> None:
    one = program("0912")
    assert one.run(front.server.port) != 0
    assert "400" in one.err
    assert len(front.requests) == 1
    assert one.out == ""


def test_the_rules_of_the_document_are_those_that_the_service_keeps(live: Live) -> None:
    """Another body under a key is refused for good; the answer of the first is given again, and says so."""
    body = {"channel": "sms", "to": "09121230099", "text": "one"}
    named = {"Idempotency-Key": "rules-of-the-document"}
    first = live.call("POST", "notifications/messages", body, **named)
    assert live.call("POST", "notifications/messages", body, **named) == first
    assert live.call("POST", "notifications/messages", {**body, "text": "two"}, **named)[0] == 422
