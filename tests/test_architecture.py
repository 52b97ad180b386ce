"""The rules that the code itself keeps: style, types, direction of imports, names and sizes of modules."""

import subprocess
import sysconfig
from pathlib import Path

import pytest

from tests.support.environment import ROOT

MODULES = sorted((ROOT / "notifyhub").rglob("*.py"))
VAGUE = {"common", "helper", "helpers", "manager", "managers", "misc", "shared", "util", "utils"}


@pytest.mark.parametrize(
    "command", ["ruff check", "ruff format --check", "mypy", "lint-imports"], ids=lambda command: command
)
def test_a_check_of_the_code_finds_nothing(command: str) -> None:
    tool, *options = command.split()
    done = subprocess.run(
        [Path(sysconfig.get_path("scripts")) / tool, *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_modules_are_found() -> None:
    assert ROOT / "notifyhub" / "app.py" in MODULES


@pytest.mark.parametrize("module", MODULES, ids=lambda module: str(module.relative_to(ROOT)))
def test_a_module_is_short_and_named_for_what_it_holds(module: Path) -> None:
    assert len(module.read_text().splitlines()) <= 300
    assert not VAGUE & {module.stem, module.parent.name}


def test_create_app_only_wires() -> None:
    """It stays short enough to be read at a glance: what does more has a module of its own."""
    lines = (ROOT / "notifyhub" / "app.py").read_text().splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("def create_app("))
    assert len([line for line in lines[start:] if line.strip()]) < 40
