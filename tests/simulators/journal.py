"""What a simulated provider accepted."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field


@dataclass(frozen=True)
class Received:
    """An accepted message; `text` as the provider renders it, `at` in seconds since 1970.

    `recipients` are all that a mail was taken for, its `recipient` the first.
    """

    id: str
    recipient: str
    text: str
    pattern: str | None = None
    params: Mapping[str, str] | Sequence[str] = ()
    sender: str = ""
    recipients: Sequence[str] = ()
    content: bytes = field(default=b"", repr=False)
    at: float = field(default_factory=time.time)

    def as_json(self) -> dict[str, object]:
        shown = asdict(self)
        del shown["content"]
        return shown


class Journal:
    """Accepted messages in the order of their coming; `listener` is called with each."""

    def __init__(self) -> None:
        self.listener: Callable[[Received], None] | None = None
        self._changed = threading.Condition()
        self._messages: list[Received] = []
        self._counts: Counter[str] = Counter()

    def add(self, message: Received) -> None:
        with self._changed:
            self._messages.append(message)
            self._counts[message.recipient] += 1
            self._changed.notify_all()
        if self.listener:
            self.listener(message)

    def messages(self, recipient: str | None = None) -> list[Received]:
        with self._changed:
            return [m for m in self._messages if recipient in {None, m.recipient}]

    def counts(self) -> dict[str, int]:
        """Accepted messages by recipient."""
        with self._changed:
            return dict(self._counts)

    def wait_for(self, count: int, seconds: float = 10) -> list[Received]:
        """Return the messages once there are `count`; TimeoutError if that takes longer than `seconds`."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self._messages) >= count, seconds):
                raise TimeoutError(f"{len(self._messages)} of {count} messages after {seconds} s")
            return list(self._messages)

    def clear(self) -> None:
        with self._changed:
            self._messages.clear()
            self._counts.clear()
