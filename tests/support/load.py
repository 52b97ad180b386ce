"""Clients that call the API one time after the other, until they are stopped; each answer is kept."""

import http.client
import itertools
import json
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Self

MESSAGES = "/api/notifications/messages"

Call = tuple[str, Any]
"""The path of a request, and what is posted there; None: it is read."""


@dataclass(frozen=True)
class Answered:
    """How the request of a number ended: `status` is 0 and `words` the error where no answer came.

    `at` is when it began, in seconds since 1970; `seconds` how long it took.
    """

    number: int
    status: int
    words: str
    retry_after: str | None
    at: float
    seconds: float

    @property
    def recipient(self) -> str:
        """Whom `messages_to` sends the message of this number to, as providers know them."""
        return recipient(self.number)


def recipient(number: int) -> str:
    """Return a mobile number that no other number's is."""
    return f"0912{number:07}"


def messages_to(notifier: int, text: str = "Hello") -> Callable[[int], Call]:
    """Return what gives each number a message to a recipient of its own, through a notifier."""
    body = {"channel": "sms", "text": text, "notifier": notifier}
    return lambda number: (MESSAGES, {**body, "to": recipient(number)})


class Callers:
    """Clients on connections that they keep, from start to stop; use as a context manager.

    `call` gives each number its request. With `per_second` all of them together send so many; without, each
    sends as soon as it is answered. An answer that takes longer than `patience` counts as none. The numbers
    begin with `first`.
    """

    def __init__(
        self,
        port: int,
        key: str,
        call: Callable[[int], Call],
        *,
        count: int = 4,
        per_second: float | None = None,
        patience: float = 30,
        first: int = 0,
    ) -> None:
        self.answers: list[Answered] = []
        self._port, self._call, self._patience = port, call, patience
        self._headers = {"Authorization": f"Token {key}", "Content-Type": "application/json"}
        self._pause = count / per_second if per_second else 0
        self._numbers = itertools.count(first)
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(count)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Let each have its last answer."""
        self._over.set()
        for thread in self._threads:
            thread.join(2 * self._patience)

    @property
    def accepted(self) -> list[str]:
        """The recipients of messages that were answered 201."""
        return [answer.recipient for answer in self.answers if answer.status == 201]

    @property
    def refused(self) -> list[Answered]:
        """What was answered otherwise than a success, or not at all."""
        return [answer for answer in self.answers if answer.status not in {200, 201}]

    def longest(self) -> float:
        """The seconds of the answer that took longest."""
        return max(answer.seconds for answer in self.answers)

    def _run(self) -> None:
        due = time.monotonic()
        with closing(
            http.client.HTTPConnection("127.0.0.1", self._port, timeout=self._patience)
        ) as connection:
            while not self._over.is_set():
                self.answers.append(self._ask(connection, next(self._numbers)))
                due = max(due + self._pause, time.monotonic() - self._pause)
                self._over.wait(max(due - time.monotonic(), 0))

    def _ask(self, connection: http.client.HTTPConnection, number: int) -> Answered:
        path, body = self._call(number)
        at, began = time.time(), time.monotonic()
        status, words, retry_after = 0, "", None
        try:
            if body is None:
                connection.request("GET", path, headers=self._headers)
            else:
                connection.request("POST", path, json.dumps(body), self._headers)
            answer = connection.getresponse()
            words, retry_after = answer.read().decode(), answer.headers.get("Retry-After")
            status = answer.status
        except (OSError, http.client.HTTPException) as error:
            words = repr(error)
            connection.close()
        kept = "" if status in {200, 201} else words
        return Answered(number, status, kept, retry_after, at, time.monotonic() - began)
