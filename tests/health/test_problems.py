"""What is wrong, in words: a table of states and of what is said of them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from notifyhub.health.problems import findings
from notifyhub.health.queue_depths import QueueDepth

AT = datetime(2026, 3, 21, 12, tzinfo=UTC)
NOW = timedelta()
SECOND = timedelta(seconds=1)
RESTING: dict[str, Any] = {
    "channel": "sms",
    "id": 3,
    "name": "console",
    "state": "resting",
    "resting_until": AT + 12 * SECOND,
    "failures_in_a_row": 5,
    "last_error": {"code": "unreachable", "detail": "Refused.", "at": AT - 18 * SECOND},
}
NO_WORKER = "No worker has been seen since 2026-03-21 11:59:44 UTC: nothing is sent."
NO_SCHEDULER = (
    "No scheduler has been seen since 2026-03-21 11:59:44 UTC: what is to be sent later, or again, waits. "
    "Start a worker with --beat."
)

RESTS = "notifier 3 (console) rests until 2026-03-21 12:00:12 UTC: it has failed 5 times in a row"


def found(
    worker: timedelta | None = NOW,
    scheduler: timedelta | None = NOW,
    messages: timedelta | None = None,
    notifiers: tuple[dict[str, Any], ...] = (),
    **queues: timedelta,
) -> list[tuple[str, bool]]:
    """Return what is found where all were seen, and began to wait, so long ago."""
    waiting = {"messages": messages, "codes": None, "webhooks": None, "upkeep": None, **queues}
    depths = {
        name: QueueDepth(0 if ago is None else 1, None if ago is None else AT - ago)
        for name, ago in waiting.items()
    }
    seen = (None if ago is None else AT - ago for ago in (worker, scheduler))
    return [(finding.words, finding.is_down) for finding in findings(AT, *seen, depths, notifiers)]


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ({}, []),
        ({"worker": 15 * SECOND, "scheduler": 15 * SECOND}, []),
        ({"worker": 16 * SECOND}, [(NO_WORKER, True)]),
        ({"scheduler": 16 * SECOND}, [(NO_SCHEDULER, False)]),
        ({"worker": 16 * SECOND, "scheduler": 16 * SECOND}, [(NO_WORKER, True), (NO_SCHEDULER, False)]),
        ({"worker": None}, [("No worker is running: nothing is sent.", True)]),
        ({"messages": 60 * SECOND, "codes": 60 * SECOND}, []),
        (
            {"messages": 61 * SECOND},
            [("The oldest due message has waited for 61 seconds, since 2026-03-21 11:58:59 UTC.", False)],
        ),
        (
            {"messages": 61 * SECOND, "codes": 90 * SECOND},
            [("The oldest due message has waited for 90 seconds, since 2026-03-21 11:58:30 UTC.", False)],
        ),
        ({"webhooks": 3600 * SECOND, "upkeep": 3600 * SECOND}, []),
        (
            {"notifiers": (RESTING,)},
            [
                (f"SMS {RESTS}, the last time with unreachable at 2026-03-21 11:59:42 UTC.", False),
            ],
        ),
        (
            {"notifiers": ({**RESTING, "channel": "email", "last_error": None},)},
            [
                (f"email {RESTS}.", False),
            ],
        ),
        ({"notifiers": ({**RESTING, "state": "probing"}, {**RESTING, "state": "working"})}, []),
    ],
    ids=lambda value: str(sorted(value)) if isinstance(value, dict) else "",
)
def test_what_is_wrong_is_said_with_its_beginning(state: Any, words: list[tuple[str, bool]]) -> None:
    assert found(**state) == words
