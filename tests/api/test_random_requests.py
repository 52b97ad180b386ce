"""Requests at random, many of them: the service never fails, says what it documents, and does not grow.

`TEST_RANDOM_REQUESTS=500000 pytest -m slow tests/api/test_random_requests.py` sends so many on each database.
"""

import http.client
import json
import os
import socket
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from flask import Flask
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.api.random_requests import Operation, Request, operations, requests
from tests.support.environment import slow_on_sqlite
from tests.support.processes import Server, children

FEW, MANY = 500, int(os.environ.get("TEST_RANDOM_REQUESTS", "50000"))
WARM_UP = 0.4
"""The share of the requests after which caches are full."""
TOGETHER = 25
"""Requests in an example: drawing them one by one would take longer than answering them."""
MEASURED_EVERY = 1_000
MOST_GROWTH_MIB = 16
"""From the end of the warm-up on. A leak of half a KiB for each request would be as much."""
JSON = "application/json"
GENERAL = {400, 401, 404, 405, 408, 413, 414, 415, 417, 431, 501}
"""What is answered before an operation is found, or whatever it is."""


class Client:
    """Sends requests as bytes on a connection that it keeps while the server does."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.connection: socket.socket | None = None

    def send(self, request: Request) -> tuple[int, Mapping[str, str], bytes]:
        if self.connection is None:
            self.connection = socket.create_connection(("127.0.0.1", self.port), 30)
            self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.connection.sendall(request.wire)
        answer = http.client.HTTPResponse(self.connection, method=request.method)
        answer.begin()
        body = answer.read()
        if answer.will_close:
            self.close()
        return answer.status, dict(answer.headers), body

    def close(self) -> None:
        if self.connection:
            self.connection.close()
            self.connection = None


class Documented:
    """The answers that the document describes."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.document = document
        self.validators: dict[tuple[str, str, int], Any] = {}

    def find(self, operation: Operation, status: int) -> Any:
        """Return the validator of an operation's answer, None where that has no JSON.

        Raises KeyError where no such answer is described.
        """
        key = (operation.method, operation.path, status)
        if key not in self.validators:
            described = self.document["paths"][operation.path][operation.method.lower()]["responses"][
                str(status)
            ]
            if "$ref" in described:
                described = self.document["components"]["responses"][described["$ref"].rpartition("/")[2]]
            schema = described.get("content", {}).get(JSON, {}).get("schema")
            whole = {"components": self.document["components"], **schema} if schema else None
            self.validators[key] = whole and jsonschema_rs.Draft202012Validator(whole)
        return self.validators[key]


def is_error(body: Any) -> bool:
    """Whether a body is an error as the contract has it: a detail, or words by fields, nested as they are."""
    if not isinstance(body, dict) or not body:
        return False
    return (set(body) == {"detail"} and isinstance(body["detail"], str)) or all(map(_is_words, body.values()))


def _is_words(value: Any) -> bool:
    if isinstance(value, dict):
        return bool(value) and all(map(_is_words, value.values()))
    return isinstance(value, list) and bool(value) and all(isinstance(one, str) for one in value)


def check(
    documented: Documented, request: Request, status: int, headers: Mapping[str, str], body: bytes
) -> None:
    """An answer is none of the server's failures, and it is JSON of the documented shape."""
    assert status < 500 or status == 501
    assert headers["X-Request-ID"]
    if status in {204, 304} or request.method == "HEAD" or (request.method == "OPTIONS" and status == 200):
        assert body == b""
        return
    if request.operation is None and status in {200, 302, 308}:
        return  # a page of the documentation, or what leads there
    assert headers["Content-Type"] == JSON
    answered = json.loads(body)
    if status >= 400:
        assert is_error(answered)
    if request.operation and request.method == request.operation.method:
        try:
            validator = documented.find(request.operation, status)
        except KeyError:
            assert status in GENERAL
        else:
            validator.validate(answered)


def memory_mib(server: Server) -> float:
    """Return the resident memory of the server's one process."""
    (process,) = children(server.process.pid)
    return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * 4096 / 2**20


@slow_on_sqlite
@pytest.mark.parametrize(
    "amount", [FEW, pytest.param(MANY, marks=[pytest.mark.slow, pytest.mark.timeout(1200)])]
)
def test_no_request_makes_the_service_fail_or_grow(
    app: Flask,
    gunicorn: Callable[..., Server],
    token: Callable[..., str],
    amount: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    document = app.test_client().get("/api/openapi.json").json
    known, documented = operations(document), Documented(document)
    server = gunicorn("-knotifyhub.process.server.Worker", "--threads=2", "--keep-alive=75", workers=1)
    statuses: Counter[int] = Counter()
    memory: list[float] = []

    @settings(
        max_examples=amount // TOGETHER,
        database=None,
        derandomize=amount == FEW,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.lists(requests(known, token(test=True)), min_size=TOGETHER, max_size=TOGETHER))
    def send(asked: list[Request]) -> None:
        with closing(Client(server.port)) as client:
            for request in asked:
                answer: Any = None
                try:
                    answer = client.send(request)
                    check(documented, request, *answer)
                except Exception as error:
                    error.add_note(f"{request.wire[:2000]!r}\n{str(answer)[:4000]}")
                    raise
                statuses[answer[0]] += 1
        if statuses.total() % MEASURED_EVERY < TOGETHER:
            memory.append(memory_mib(server))

    send()
    shown = [round(one, 1) for one in memory]
    with capsys.disabled():
        sys.stdout.write(f"\n{dict(statuses)}; MiB after each {MEASURED_EVERY} requests: {shown}\n")
    assert statuses.total() >= amount
    assert min(statuses[200], statuses[201], statuses[400]) > amount / 100
    if amount > FEW:
        assert memory[-1] - memory[int(len(memory) * WARM_UP) - 1] < MOST_GROWTH_MIB
