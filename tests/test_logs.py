"""What the log holds, and what it must not hold."""

import json
import logging
from collections.abc import Callable

import pytest
from flask import Flask, request

from notifyhub.api.endpoint import Access, Endpoint, endpoint
from notifyhub.app import create_app
from notifyhub.notifiers import schemas
from notifyhub.notifiers.models import SMSNotifier
from tests.support.clients import Api
from tests.support.environment import ENCRYPTION_KEY, SECRET_KEY

BASE = "/api/notifications/notifiers/sms"
SECRET = "hunter2-hunter2-hunter2"


@pytest.fixture
def logging_app(other_app: Callable[..., Flask]) -> Callable[[str], Flask]:
    """Give a function that returns the application with a format of the log."""
    return lambda style: other_app(NOTIFYHUB_LOG_FORMAT=style)


def test_json_is_one_object_for_each_line_with_the_id_of_the_request(
    logging_app: Callable[[str], Flask], capfd: pytest.CaptureFixture[str]
) -> None:
    app = logging_app("json")
    with app.test_request_context("/", headers={"X-Request-ID": "request-1234"}):
        app.preprocess_request()
        logging.getLogger("notifyhub.part").info("It is %s", "done\nسلام")
    (line,) = capfd.readouterr().err.splitlines()
    event = json.loads(line)
    assert event.pop("timestamp").endswith("Z")
    assert event == {
        "event": "It is done\nسلام",
        "level": "info",
        "logger": "notifyhub.part",
        "request_id": "request-1234",
    }


def test_what_a_client_sends_cannot_look_like_another_line(
    logging_app: Callable[[str], Flask], capfd: pytest.CaptureFixture[str]
) -> None:
    logging_app("console")
    logging.getLogger("notifyhub.part").warning("%s failed", "/a\n2026 [info] all is well\x1b[2J")
    assert len(capfd.readouterr().err.splitlines()) == 1


@pytest.mark.parametrize("style", ["json", "console"])
def test_warnings_of_libraries_are_shown_and_their_chatter_is_not(
    logging_app: Callable[[str], Flask], capfd: pytest.CaptureFixture[str], style: str
) -> None:
    logging_app("json")
    logging_app(style)
    logging.getLogger("flask-limiter").warning("Storage is gone")
    logging.getLogger("alembic").info("Context impl")
    err = capfd.readouterr().err
    assert err.count("Storage is gone") == 1
    assert "Context impl" not in err


@pytest.mark.parametrize(
    ("style", "place"),
    [("json", "view"), ("console", "view"), ("json", "statement"), ("console", "statement")],
)
def test_a_failure_is_logged_without_secrets(
    logging_app: Callable[[str], Flask],
    token: Callable[..., str],
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    *,
    style: str,
    place: str,
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("On purpose")

    if place == "view":
        monkeypatch.setattr(schemas.SMSNotifierSchema, "validate_object", fail)
    else:  # so that SQLAlchemy makes the error, which by default shows the statement's values
        monkeypatch.setattr(SMSNotifier.__table__.c.settings.type, "process_bind_param", fail)
    key = token()
    answer = Api(logging_app(style).test_client(), key).post(
        BASE, {"name": "n", "backend": "melipayamak", "settings": {"token": SECRET}}
    )
    assert answer.status == 500
    err = capfd.readouterr().err
    assert "On purpose" in err
    assert "Traceback" in err
    for secret in (SECRET, key, SECRET_KEY, ENCRYPTION_KEY):
        assert secret not in err
        assert secret not in str(answer.json)


SECRET = "a-secret-of-a-request"


@pytest.mark.parametrize("style", ["console", "json"])
def test_a_failures_log_shows_no_values_of_variables(
    tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str], style: str
) -> None:
    app = create_app(
        {"NOTIFYHUB_INSTANCE": str(tmp_path_factory.mktemp("instance")), "NOTIFYHUB_LOG_FORMAT": style}
    )
    _add_failing_view(app)
    assert app.test_client().get("/failing", headers={"X-Secret": SECRET}).status_code == 500
    log = capsys.readouterr().err
    assert "ZeroDivisionError" in log
    assert "1 / len(password.strip(password))" in log
    assert SECRET not in log


def _add_failing_view(app: Flask) -> None:
    @endpoint(Endpoint(Access.PUBLIC, "Fail", "Tests"))
    def failing() -> str:
        password = request.headers["X-Secret"]
        return str(1 / len(password.strip(password)))

    app.add_url_rule("/failing", "failing", failing)
    app.extensions["declarations"]["failing"] = failing.declared
