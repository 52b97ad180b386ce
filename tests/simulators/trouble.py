"""Troubles that a simulated provider is told to have."""

import threading
from collections.abc import Container
from dataclasses import dataclass


@dataclass
class Trouble:
    """`kind` is a word of the simulator's; `times` is None for a standing trouble; `seconds` how long a slow
    one takes.

    With `recipient`, only messages to it suffer; `on` says whether sends, reads (reports, credit, patterns)
    or both do.
    """

    kind: str
    times: int | None = 1
    recipient: str | None = None
    seconds: float = 30
    on: str = "send"


class Troubles:
    """A queue of troubles: the first that concerns a request is taken, and used up after its `times`."""

    def __init__(self, kinds: Container[str]) -> None:
        self._kinds = kinds
        self._lock = threading.Lock()
        self._queue: list[Trouble] = []

    def add(
        self,
        kind: str,
        *,
        times: int | None = 1,
        recipient: str | None = None,
        seconds: float = 30,
        on: str = "send",
    ) -> None:
        """Queue a trouble; ValueError for a kind that the simulator does not know."""
        if kind not in self._kinds:
            raise ValueError(f"no such trouble: {kind}")
        if on not in {"send", "read", "any"}:
            raise ValueError(f"on is send, read or any, not {on}")
        with self._lock:
            self._queue.append(Trouble(kind, times, recipient, float(seconds), on))

    def take(
        self,
        *recipients: str | None,
        on: str = "send",
        kinds: Container[str] | None = None,
        first: Container[str] | None = None,
    ) -> Trouble | None:
        """Take the first trouble, of those of `kinds`, that concerns a request to these recipients.

        With `first`, none is taken if that is of another kind.
        """
        with self._lock:
            for trouble in self._queue:
                if (
                    trouble.on in {on, "any"}
                    and trouble.recipient in {None, *recipients}
                    and (kinds is None or trouble.kind in kinds)
                ):
                    if first is not None and trouble.kind not in first:
                        return None
                    if trouble.times is not None:
                        trouble.times -= 1
                        if trouble.times <= 0:
                            self._queue.remove(trouble)
                    return trouble
        return None

    def clear(self) -> None:
        with self._lock:
            self._queue.clear()
