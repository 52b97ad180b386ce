"""Errors of commands."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.environment import ROOT
from tests.support.processes import free_port


@pytest.mark.slow
@pytest.mark.parametrize("args", ["users list", pytest.param("db upgrade", marks=pytest.mark.slow)])
def test_a_database_that_does_not_answer_is_told_in_one_line_without_its_password(
    args: str, tmp_path: Path
) -> None:
    variables = {
        "NOTIFYHUB_INSTANCE": str(tmp_path),
        "NOTIFYHUB_DATABASE_URL": f"postgresql://user:hunter2@127.0.0.1:{free_port()}/x",
    }
    done = subprocess.run(
        [sys.executable, "-m", "flask", *args.split()],
        cwd=ROOT,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert "Error: The database does not answer: connection" in done.stderr
    assert done.stderr.count("\n") == 1
    assert "hunter2" not in done.stderr
