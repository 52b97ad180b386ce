"""Seeding in tests."""

from pathlib import Path

import pytest
from click.testing import Result
from flask import Flask

from tests.seeding.rows import PASSWORD, SECRET, TOKEN, Seed


@pytest.fixture
def seed(app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Seed:
    """Give a function that seeds a text, and returns what the command did."""
    monkeypatch.setenv("MELIPAYAMAK_TOKEN", TOKEN)
    monkeypatch.setenv("SMTP_PASSWORD", PASSWORD)
    monkeypatch.setenv("WEBHOOK_SECRET", SECRET)
    monkeypatch.chdir(tmp_path)

    def run(text: str, *options: str, app: Flask = app) -> Result:
        Path("seed.yaml").write_text(text)
        return app.test_cli_runner().invoke(args=["notifiers", "seed", "seed.yaml", *options])

    return run
