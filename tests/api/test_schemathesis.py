"""The service against its OpenAPI document: requests made from the document, answers checked by it."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Server

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


def schemathesis(url: str, token: str, folder: Path, *options: str) -> str:
    """Run schemathesis against the service and return what it prints; fail if it finds anything."""
    finished = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "run", f"{url}/api/openapi.json", "--no-color"),
            *("--header", f"Authorization: Token {token}", "--generation-deterministic"),
            *("--continue-on-failure", "--warnings", "off", *options),
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout


def test_every_answer_is_as_documented(
    gunicorn: Callable[..., Server], token: Callable[..., str], tmp_path: Path
) -> None:
    print(schemathesis(gunicorn().url, token(), tmp_path, "--checks", ",".join(CHECKS), "--max-examples", "10"))
