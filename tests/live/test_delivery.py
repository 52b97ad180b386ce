"""Trouble of deliveries, as a client and an operator see it."""

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.support.environment import ROOT
from tests.support.live import Live
from tests.support.service import until

MESSAGES = "notifications/messages"
NOTIFIERS = "notifications/notifiers/sms"


def test_a_notifier_that_lost_its_number_says_so_and_its_texts_wait_and_can_be_cancelled(live: Live) -> None:
    settings = live.call("GET", f"{NOTIFIERS}/{live.sms_notifier}")[1]["settings"]
    spare = {"name": "spare", "backend": "melipayamak", "settings": settings}
    notifier = live.make(NOTIFIERS, spare)["id"]
    soon = datetime.now(UTC) + timedelta(seconds=0.8)
    text = {"channel": "sms", "to": "09121234501", "text": "Private words", "notifier": notifier}
    sent = live.make(MESSAGES, {**text, "send_at": soon.isoformat()})["id"]
    token = {"token": settings["token"]}
    assert live.call("PATCH", f"{NOTIFIERS}/{notifier}", {"settings": token})[0] == 200
    checked = live.call("POST", f"{NOTIFIERS}/{notifier}/check")[1]
    assert (checked["ok"], "number" in checked["detail"]) == (False, True)

    def waiting() -> Any:
        found = live.call("GET", f"{MESSAGES}/{sent}")[1]
        return found if found["error"] else None

    found = until(waiting, "the message waits")
    assert (found["status"], found["error"]["code"]) == ("sending", "bad_settings")
    assert found["next_attempt_at"] > found["updated_at"]
    assert [each["outcome"] for each in found["attempts"]] == ["temporary"]
    assert live.call("POST", f"{MESSAGES}/{sent}/cancel")[1]["status"] == "cancelled"
    assert f"Message {sent} was not taken by sms notifier {notifier} (spare): temporary" in live.service.err
    assert "Private words" not in live.service.err
    assert "9121234501" not in live.service.err


def issued_for_tests(live: Live) -> str:
    """Return a new test token, as an operator gets it."""
    variables = {"NOTIFYHUB_INSTANCE": str(live.service.folder / "instance")}
    run = subprocess.run(
        [sys.executable, "-m", "flask", "tokens", "issue", "admin", "--test"],
        env={**os.environ, **variables},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return run.stdout.strip()


def test_a_test_token_neither_cancels_nor_retries_what_is_live(live: Live) -> None:
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    text = {"channel": "sms", "to": "09121234502", "text": "Later", "send_at": later}
    made = live.make(MESSAGES, text)["id"]
    key = issued_for_tests(live)
    assert live.call("POST", f"{MESSAGES}/{made}/cancel", key=key)[0] == 404
    assert live.call("POST", f"{MESSAGES}/{made}/retry", key=key)[0] == 404
    assert live.call("POST", f"{MESSAGES}/{made}/cancel")[0] == 200
