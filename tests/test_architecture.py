"""The rules that the code itself keeps: style, types, direction of imports, names and sizes of modules."""

import re
import subprocess
import sysconfig
from configparser import ConfigParser
from pathlib import Path

import pytest

from tests.support.environment import ROOT

MODULES = sorted((ROOT / "notifyhub").rglob("*.py"))
DOCUMENTS = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
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


def test_the_drawing_of_the_layers_shows_those_that_the_imports_are_held_to() -> None:
    """A layer in parentheses is one that import-linter does not miss."""
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg")
    held = setup["importlinter:contract:layers"]["layers"].split("\n")
    text = (ROOT / "docs" / "architecture.md").read_text()
    drawn = re.findall(r"^│ (.+?) +│", text, re.MULTILINE)
    assert drawn == [layer.strip("()") for layer in held if layer]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_what_a_document_names_is_there(document: Path) -> None:
    """Of the service's own files: `delivery/claims.py`, `notifyhub/otp`, `tests/support/factories.py`."""
    named = re.findall(
        r"`((?:notifyhub|tests|docs|migrations)/[\w/.]*|[a-z_]+/[a-z_/]+\.py)`", document.read_text()
    )
    places = {name: (ROOT / name, ROOT / "notifyhub" / name) for name in named}
    assert [name for name, paths in places.items() if not any(path.exists() for path in paths)] == []
