"""Why a message did not arrive: a sentence for each state, and for each code of a failure."""

import re
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from notifyhub.console.explanations import REASONS, explain
from notifyhub.messages.models import MessageStatus
from tests.support.environment import ROOT

FAILURES = r"(?:Temporary|NotifierTrouble|RateLimited|Broken|NotServedHere|Refused|Uncertain)"
CODES = re.compile(rf'{FAILURES}[(,]\s*"([a-z_]+)"')


def _sources() -> list[Path]:
    return [path for part in ("providers", "delivery") for path in (ROOT / "notifyhub" / part).rglob("*.py")]


def test_each_code_of_a_failure_has_a_sentence() -> None:
    codes = {code for path in _sources() for code in CODES.findall(path.read_text())}
    assert len(codes) > 25
    assert codes - set(REASONS) == {"not_found"}  # of a pattern's sync: no message has it


def _message(status: str, code: str | None = None, channel: str = "sms") -> dict[str, Any]:
    error = None if code is None else {"code": code, "detail": "words"}
    return {"status": status, "error": error, "channel": channel}


@pytest.mark.parametrize(
    ("message", "report_due", "begins", "advised", "kind"),
    [
        (_message("scheduled"), False, "Its time has not come", False, "info"),
        (_message("queued"), False, "It waits for a worker", True, "info"),
        (_message("sending"), False, "It is being sent", False, "info"),
        (_message("sending", "no_credit"), False, "Not yet: The account has no credit", True, "warn"),
        (_message("sent"), True, "The provider has taken it, and has not reported yet", False, "info"),
        (_message("sent"), False, "The provider has taken it, and never reported", True, "warn"),
        (_message("sent", channel="email"), False, "The mail server has taken it", True, "info"),
        (_message("undelivered", "blacklisted"), False, "The recipient has blocked", True, "bad"),
        (_message("undelivered"), False, "The provider reports that it did not arrive", True, "bad"),
        (_message("failed", "invalid_recipient"), False, "The provider does not know this", True, "bad"),
        (_message("failed", "of_a_plugin"), False, "It failed, for a reason", True, "bad"),
        (_message("cancelled", "no_credit"), False, "Somebody has cancelled it", False, "info"),
        (_message("expired"), False, "Its time was over", True, "bad"),
        (_message("expired", "unreachable"), False, "Its time was over before it could", True, "bad"),
    ],
)  # fmt: skip
def test_a_state_is_explained(
    app: Flask, message: dict[str, Any], report_due: bool, begins: str, advised: bool, kind: str
) -> None:
    with app.test_request_context("/console", headers={"Accept-Language": "en"}):
        explanation = explain(message, report_due=report_due)
        assert explanation is not None
        assert explanation.sentence.startswith(begins)
        assert (explanation.advice is not None, explanation.kind) == (advised, kind)


def test_what_has_arrived_needs_no_explanation(app: Flask) -> None:
    with app.test_request_context("/console"):
        assert explain(_message(MessageStatus.DELIVERED), report_due=False) is None
