"""The health of the whole service, while it does its work."""

import subprocess
import sys
from typing import Any

from tests.support.live import Live
from tests.support.service import until

TEXT = {"channel": "sms", "to": "09121291001", "text": "Hello"}


def line(live: Live, channel: str, id: int) -> Any:
    """Return the line of a notifier."""
    status, health = live.call("GET", "notifications/health")
    assert status == 200
    return next(one for one in health["notifiers"] if (one["channel"], one["id"]) == (channel, id))


def test_the_service_is_well_and_says_so_in_words(live: Live) -> None:
    status, health = live.call("GET", "notifications/health")
    assert (status, health["status"], health["problems"]) == (200, "ok", [])
    (worker,) = health["workers"]
    assert worker["last_seen_at"] >= worker["started_at"]
    assert health["scheduler"]["last_seen_at"]
    done = subprocess.run(
        [sys.executable, "-c", "from notifyhub.cli import main; main()", "status"],
        env=live.service.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("NotifyHub is ok.\n")
    assert worker["name"] in done.stdout


def test_what_is_sent_shows_within_seconds(live: Live) -> None:
    before = line(live, "sms", live.sms_notifier)
    live.send(**TEXT)

    def after() -> Any:
        found = line(live, "sms", live.sms_notifier)
        return found if found["accepted_1h"] > before["accepted_1h"] else None

    found = until(after, "the attempt is counted", 5)
    assert found["accepted_1h"] == before["accepted_1h"] + 1
    assert found["last_accepted_at"] > (before["last_accepted_at"] or "")
    assert 0 < found["latency_ms_p50"] <= found["latency_ms_p95"]


def test_the_credit_is_read_without_being_asked_for(live: Live) -> None:
    found = until(lambda: line(live, "sms", live.sms_notifier)["credit"], "the credit is read")
    assert found == live.melipayamak.credit
    assert line(live, "email", live.email_notifier)["credit"] is None
