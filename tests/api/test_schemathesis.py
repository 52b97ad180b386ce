"""The service against its OpenAPI document: requests made from the document, answers checked by it."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask

from notifyhub.auth.accounts import issue_token
from notifyhub.extensions import db
from tests.support.environment import on_postgresql
from tests.support.factories import UserFactory
from tests.support.processes import Server

# Not negative_data_rejection: the contract takes numbers as text and an empty parameter as absent. Not
# unsupported_method and allow_header_conformance: POST on an object's URL is taken, but not documented.
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "ignored_auth",
    "missing_required_header",
    "use_after_free",
    "ensure_resource_availability",
)


def run(server: Server, token: str, folder: Path, *options: str) -> None:
    """Run schemathesis against a service; what it finds is the failure, with the requests to reproduce it.

    The token is one for tests, so that no provider is reached.
    """
    finished = subprocess.run(
        [
            *(
                sys.executable,
                "-m",
                "schemathesis.cli",
                "run",
                f"{server.url}/api/openapi.json",
                "--no-color",
            ),
            *("--header", f"Authorization: Token {token}", "--continue-on-failure", "--warnings", "off"),
            *options,
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert "No issues found" in finished.stdout


@pytest.fixture
def token(app: Flask) -> str:
    """An admin's token for tests. Ids are tried from 1 on: nobody deletes this user by chance."""
    with app.app_context():
        key = issue_token(db.session(), UserFactory(id=2**40), None, test=True)
        db.session.commit()
    return key


FEW = ["--generation-deterministic", "--max-examples=2", "--phases=examples,fuzzing"]
SOME = ["--generation-deterministic", "--max-examples=6"]
MANY = ["--generation-database=none", "--max-examples=60"]
LONG = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.mark.parametrize(
    ("environment", "amount"),
    [
        pytest.param("postgresql", FEW, id="postgresql-few"),
        pytest.param("postgresql", SOME, id="postgresql-some", marks=pytest.mark.slow),
        pytest.param("postgresql", MANY, id="postgresql-many", marks=LONG),
        pytest.param("sqlite", MANY, id="sqlite-many", marks=LONG),
    ],
    indirect=["environment"],
)
def test_every_answer_is_as_documented(
    gunicorn: Callable[..., Server], token: str, tmp_path: Path, amount: list[str]
) -> None:
    server = gunicorn("-k", "notifyhub.process.server.Worker")  # whose own refusals are documented, too
    run(server, token, tmp_path, f"--checks={','.join(CHECKS)}", *amount)


@on_postgresql
@pytest.mark.slow
def test_every_query_that_the_document_allows_is_taken(
    gunicorn: Callable[..., Server], token: str, tmp_path: Path
) -> None:
    # A schema can't tell a cursor from other texts, nor that one parameter needs another or comes before it.
    allowed = [
        "--exclude-path=/api/notifications/messages",
        "--exclude-path=/api/notifications/statistics",
        "--include-method=GET",
        "--mode=positive",
        "--generation-allow-x00=false",
    ]
    run(gunicorn(), token, tmp_path, "--checks=positive_data_acceptance", *allowed, *SOME)
