#!/usr/bin/env python3
"""Write the bill of materials of `.venv`, and look for known vulnerabilities in what constraints.txt pins.

A vulnerability that a later release has mended fails, unless `known-vulnerabilities.txt` says why it may
stay; one without a mended release is reported. The tools are kept in an environment of their own. Where they
or what they ask can't be reached in two minutes, a line says so, and nothing fails. Results: `build/audit/`.
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

SECONDS = 120
TOOLS = ("pip-audit >=2.9, <3", "cyclonedx-bom >=7, <8")
ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "build" / "audit"
IGNORED = Path(__file__).with_name("known-vulnerabilities.txt")


class CanNotRun(Exception):
    """A tool did not do its work; the text says which."""


def main() -> int:
    """Return the status to end with: 1 if there is a vulnerability to mend."""
    deadline = time.monotonic() + SECONDS
    ignored = read_ignored(IGNORED.read_text())
    FOLDER.mkdir(parents=True, exist_ok=True)
    try:
        tools = _install(deadline)
        bill = FOLDER / "bom.json"
        _run(deadline, tools / "cyclonedx-py", "environment", ROOT / ".venv" / "bin" / "python", "-o", bill)
        print(f"The bill of materials (CycloneDX) is {bill.relative_to(ROOT)}.")
        found = FOLDER / "vulnerabilities.json"
        found.unlink(missing_ok=True)
        pinned = ("--requirement", ROOT / "constraints.txt", "--no-deps", "--disable-pip")
        quiet = ("--progress-spinner", "off", "--format", "json", "--output", found)
        _run(deadline, tools / "pip-audit", *pinned, *quiet, statuses=(0, 1))
        report = json.loads(found.read_text())
    except (CanNotRun, OSError, ValueError) as error:
        print(f"Nothing was looked up about vulnerabilities: {error}")
        return 0
    lines = list(to_mend(report, ignored))
    print(summary(report), *lines, sep="\n")
    return 1 if lines else 0


def read_ignored(text: str) -> dict[str, str]:
    """Return the reasons by the ids of vulnerabilities; raises ValueError for a line without one."""
    entries = [line.split(maxsplit=1) for line in text.splitlines() if line and not line.startswith("#")]
    for entry in entries:
        if len(entry) != 2:
            raise ValueError(f"{IGNORED.name}: {' '.join(entry)} has no reason.")
    return {id_: reason for id_, reason in entries}  # noqa: C416 - lists, not pairs


def summary(report: Mapping[str, Any]) -> str:
    """Return in one line how many packages were looked up, and what was found."""
    packages = report["dependencies"]
    asked = [package for package in packages if "skip_reason" not in package]
    if not asked:
        return (
            f"Nothing was looked up about vulnerabilities: none of {len(packages)} packages is known there."
        )
    ids = ", ".join(sorted(found["id"] for package in asked for found in package["vulns"]))
    return f"Of {len(packages)} packages {len(asked)} were looked up; vulnerabilities: {ids or 'none'}."


def to_mend(report: Mapping[str, Any], ignored: Mapping[str, str]) -> Iterator[str]:
    """Yield a line for each vulnerability that has a mended release and no reason to stay."""
    for package in report["dependencies"]:
        for found in package.get("vulns", ()):
            if found["fix_versions"] and ignored.keys().isdisjoint({found["id"], *found["aliases"]}):
                mended = ", ".join(found["fix_versions"])
                yield f"{package['name']} {package['version']}: {found['id']} is mended in {mended}."


def _install(deadline: float) -> Path:
    """Return the folder of the tools' programs, which are installed if they are not there."""
    environment = FOLDER / "tools"
    _run(deadline, sys.executable, "-m", "venv", environment)
    _run(deadline, environment / "bin" / "pip", "install", "--quiet", *TOOLS)
    return environment / "bin"


def _run(
    deadline: float, program: Path | str, *arguments: Path | str, statuses: tuple[int, ...] = (0,)
) -> None:
    name = Path(program).name
    try:
        done = subprocess.run(
            [program, *arguments],
            capture_output=True,
            text=True,
            check=False,
            timeout=max(deadline - time.monotonic(), 0.1),
        )
    except subprocess.TimeoutExpired:
        raise CanNotRun(f"{name} took too long.") from None
    if done.returncode not in statuses:
        (FOLDER / f"{name}.log").write_text(done.stdout + done.stderr)
        raise CanNotRun(f"{name} ended with {done.returncode}, see {FOLDER.relative_to(ROOT)}/{name}.log.")


if __name__ == "__main__":
    sys.exit(main())
