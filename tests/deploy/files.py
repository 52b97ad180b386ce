"""The files of docs/deploy, as tests read them."""

import re
import shlex
from configparser import ConfigParser
from pathlib import Path
from typing import Any

import yaml

from tests.support.environment import ROOT

FOLDER = ROOT / "docs" / "deploy"
INSTALLED = "/opt/notifyhub"
"""Where the files take the checkout to be."""
UNITS = sorted(FOLDER.glob("*.service"))


def unit(path: Path) -> ConfigParser:
    """Return a unit; of what it names several times the last one."""
    parsed = ConfigParser(strict=False, interpolation=None)
    parsed.optionxform = str  # type: ignore[method-assign,assignment]
    parsed.read_string(path.read_text().replace("\\\n", " "))
    return parsed


def started_by(path: Path) -> list[str]:
    """Return the command of a unit, without the folder of its program."""
    program, *arguments = shlex.split(unit(path)["Service"]["ExecStart"])
    return [program.removeprefix(f"{INSTALLED}/.venv/bin/"), *arguments]


def compose() -> dict[str, Any]:
    parsed: dict[str, Any] = yaml.safe_load((FOLDER / "compose.yaml").read_text())
    return parsed


def instructions() -> list[tuple[str, str]]:
    """Return the Containerfile's instructions, each with its arguments in one line."""
    text = re.sub(r"^#.*\n", "", (FOLDER / "Containerfile").read_text(), flags=re.MULTILINE)
    lines = text.replace("\\\n", " ").splitlines()
    split = (line.partition(" ") for line in lines if line)
    return [(name, re.sub(" +", " ", arguments)) for name, _, arguments in split]
