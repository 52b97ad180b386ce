"""What the two simulated HTTP providers share: troubles on the wire, latency, starting and stopping."""

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Self

from tests.simulators.control import PATH, Controlled
from tests.simulators.server import Reply, Request, Server

HTML = b"<!doctype html><html><body>Console</body></html>"

# Before the message is accepted: rate_limited … reset. After it: timeout_after_accepting … trickle.
WIRE_TROUBLES = frozenset(
    {
        "rate_limited",
        "server_error",
        "html",
        "redirect",
        "slow",
        "reset",
        "timeout_after_accepting",
        "reset_after_accepting",
        "half_answer",
        "trickle",
        "huge_answer",
        "broken_json",
        "html_after_accepting",
    }
)


class Provider(Controlled):
    """A simulated HTTP provider; use as a context manager, or `start` and `stop`.

    `latency` is the seconds that every answer takes. With `reports` `at_once` an accepted message is
    delivered at once, with `on_demand` it stays on its way until `advance` is called. Replies put into
    `canned` are answered first. With `most_per_second` any second takes so many calls, of every kind; a call
    beyond them is answered 429, with `retry_after` in its header if that is set.
    """

    switches: ClassVar = {
        "latency": (int, float),
        "reports": str,
        "token": str,
        "most_per_second": (int, float, type(None)),
        "retry_after": (int, str, type(None)),
    }
    about_one: ClassVar[frozenset[str]] = frozenset()
    """The troubles that one recipient of several may have alone."""

    def __init__(self, port: int = 0) -> None:
        super().__init__()
        self.latency: float = 0
        self.reports = "at_once"
        self.requests = 0
        self.canned: list[Reply] = []
        self.most_per_second: float | None = None
        self.retry_after: int | str | None = None
        self.too_fast = 0
        self._taken: deque[float] = deque()
        self._counting = threading.Lock()
        self.server = Server(self.answer, port)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        self.server.start()

    def stop(self) -> None:
        self.server.stop()

    @property
    def control_url(self) -> str:
        return f"{self.server.address}{PATH}"

    def answer(self, request: Request) -> Reply:
        if request.path.startswith(PATH):
            return self.control(request)
        self.requests += 1
        fits = self.most_per_second is None or self._fits(self.most_per_second)
        if self.latency:
            time.sleep(self.latency)
        return self.route(request) if fits else self._too_many_requests()

    def _fits(self, most: float) -> bool:
        """Count a call; False if it is one too many, where less than 1 is one in so many seconds."""
        window, calls = (1.0, int(most)) if most >= 1 else (1 / most, 1)
        with self._counting:
            at = time.monotonic()
            while self._taken and self._taken[0] <= at - window:
                self._taken.popleft()
            if len(self._taken) >= calls:
                self.too_fast += 1
                return False
            self._taken.append(at)
            return True

    def _too_many_requests(self) -> Reply:
        headers = {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}
        return Reply(429, {}, headers=headers)

    def route(self, request: Request) -> Reply:
        raise NotImplementedError

    def refuse(self, kind: str) -> Reply:
        """The provider's own answer to a trouble that is not of the wire."""
        raise NotImplementedError

    def server_error(self) -> Any:
        """The body of a 500."""
        raise NotImplementedError

    def suffer_each(self, accept: Callable[[Mapping[str, str]], Reply], recipients: Sequence[str]) -> Reply:
        """As `suffer`, for a send to several.

        If the first trouble is one that a recipient has alone, `accept` is told the kinds of all such.
        """
        kinds: dict[str, str] = {}
        left = list(recipients)
        while left and not self.canned and (trouble := self.troubles.take(*left, first=self.about_one)):
            one = trouble.recipient or left[0]
            kinds[one] = trouble.kind
            left = [other for other in left if other != one]
        return accept(kinds) if kinds else self.suffer(lambda: accept(kinds), *recipients)

    def suffer(self, accept: Callable[[], Reply], *recipients: str | None, on: str = "send") -> Reply:
        """Answer by `accept`, unless a trouble is due."""
        if self.canned:
            return self.canned.pop(0)
        trouble = self.troubles.take(*recipients, on=on)
        if trouble is None:
            return accept()
        kind, seconds = trouble.kind, trouble.seconds
        if kind not in WIRE_TROUBLES:
            return self.refuse(kind)
        before = {
            "rate_limited": self._too_many_requests(),
            "server_error": Reply(500, self.server_error()),
            "html": Reply(200, HTML, "text/html; charset=utf-8"),
            "redirect": Reply(302, b"", "text/html", {"Location": f"{self.server.address}/elsewhere"}),
            "reset": Reply(200, {}, fate="reset"),
        }
        if kind in before:
            return before[kind]
        if kind == "slow":
            self.server.stopping.wait(seconds)
        reply = accept()
        fates = {
            "timeout_after_accepting": "silence",
            "reset_after_accepting": "reset",
            "half_answer": "half",
        }
        reply.fate = "trickle" if kind == "trickle" else fates.get(kind, "whole")
        reply.seconds = seconds
        if kind == "huge_answer":
            reply.body = {**reply.body, "padding": "x" * 2_000_000}
        elif kind == "broken_json":
            reply.body = b'{"recId": 47'
        elif kind == "html_after_accepting":
            reply.body, reply.content_type = HTML, "text/html"
        return reply
