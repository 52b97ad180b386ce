"""What the line of a request says, and what it must not say."""

import json
import re
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask

from notifyhub.access_log import AccessLog, AnsweredRequest
from notifyhub.auth.accounts import issue_token
from notifyhub.extensions import db
from tests.support.factories import UserFactory

BASE = "/api/notifications/notifiers/sms"


@pytest.fixture
def logging_app(other_app: Callable[..., Flask]) -> Callable[[str], Flask]:
    """Give a function that returns the application with a format of the log."""
    return lambda style: other_app(NOTIFYHUB_LOG_FORMAT=style)


def logged_request(
    logging_app: Callable[[str], Flask], capsys: pytest.CaptureFixture[str], style: str, path: str, key: str
) -> str:
    client = logging_app(style).test_client()
    headers = {"Authorization": f"Token {key}", "X-Request-ID": "request-1234"}
    capsys.readouterr()
    client.get(path, headers=headers)
    line, rest = capsys.readouterr().err.split("\n")
    assert rest == ""
    return line


def test_a_request_is_one_object_that_says_who_asked_for_what(
    logging_app: Callable[[str], Flask], capsys: pytest.CaptureFixture[str], token: Callable[..., str]
) -> None:
    event = json.loads(logged_request(logging_app, capsys, "json", f"{BASE}?name=0912", token()))
    assert event.pop("timestamp").endswith("Z")
    assert 0 <= event.pop("ms") < 5000
    user = event.pop("user")
    assert user.startswith("user-")
    assert event == {
        "event": f"GET {BASE} 200",
        "method": "GET",
        "path": BASE,
        "status": 200,
        "code": 2812,
        "request_id": "request-1234",
        "level": "info",
        "logger": "notifyhub.access",
    }


def test_a_request_is_one_line_for_a_person(
    logging_app: Callable[[str], Flask], capsys: pytest.CaptureFixture[str], token: Callable[..., str]
) -> None:
    line = logged_request(logging_app, capsys, "console", f"{BASE}?name=0912", token())
    assert re.fullmatch(
        r"[0-9T:.-]+Z \[info     \] GET /api/notifications/notifiers/sms 200 [0-9.]+ ms "
        r"\[notifyhub\.access\] user=user-[0-9]+ code=2812 request_id=request-1234",
        line,
    )


@pytest.mark.parametrize("style", ["json", "console"])
def test_a_number_that_is_taken_for_an_id_is_masked(
    logging_app: Callable[[str], Flask],
    capsys: pytest.CaptureFixture[str],
    token: Callable[..., str],
    style: str,
) -> None:
    client = logging_app(style).test_client()
    headers = {"Authorization": f"Token {token()}", "X-Request-ID": "09121234567-abc"}
    client.get("/api/notifications/messages/09121234567", headers=headers)
    line = capsys.readouterr().err
    assert "/api/notifications/messages/" in line
    assert "9121234567" not in line


@pytest.mark.parametrize("style", ["json", "console"])
@pytest.mark.parametrize("name", ["a\n2026-01-01 [info] x", "\u2028\x1b[2J", "x code=1 request_id=2", "علی"])
def test_no_name_or_path_of_a_request_looks_like_another_line_or_field(
    logging_app: Callable[[str], Flask],
    capsys: pytest.CaptureFixture[str],
    app: Flask,
    style: str,
    name: str,
) -> None:
    with app.app_context():
        key = issue_token(db.session(), UserFactory(name=name), None, test=False)
        db.session.commit()
    line = logged_request(logging_app, capsys, style, "/api/%0A2026%20%5Binfo%5D%E2%80%A8x", key)
    assert "%0A2026%20%5Binfo%5D%E2%80%A8x" in line or "%0A2026%20[info]%E2%80%A8x" in line
    assert key not in line
    assert line.isprintable() or style == "json"


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_probes_leave_no_lines(
    logging_app: Callable[[str], Flask], capsys: pytest.CaptureFixture[str], path: str
) -> None:
    client = logging_app("console").test_client()
    capsys.readouterr()
    client.get(path)
    assert capsys.readouterr().err == ""


def test_a_query_and_a_token_are_not_in_the_line_of_a_request(
    logging_app: Callable[[str], Flask], capsys: pytest.CaptureFixture[str]
) -> None:
    line = logged_request(
        logging_app, capsys, "console", "/api/notifications/messages?to=09121234567", "f" * 40
    )
    assert "401" in line
    assert "0912" not in line
    assert "f" * 40 not in line


class _Slow(deque[AnsweredRequest]):
    """A queue that has changed, maybe, when its length has been told."""

    def __len__(self) -> int:
        length = super().__len__()
        time.sleep(0.2)
        return length


def test_threads_that_write_what_is_queued_at_once_write_it_once(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    log = AccessLog("console")
    answered = AnsweredRequest(0.0, 0.001, "GET", "/", True, 200, "request-1234", None, None)
    monkeypatch.setattr(log, "_answered", _Slow([answered]))
    with ThreadPoolExecutor(2) as pool:
        for written in [pool.submit(log.flush) for _ in range(2)]:
            written.result()
    assert len(capfd.readouterr().err.splitlines()) == 1
