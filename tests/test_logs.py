"""What is logged, and what never is."""

import pytest
from flask import Flask, request

from notifyhub.api.endpoint import Access, Endpoint, endpoint
from notifyhub.app import create_app

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
