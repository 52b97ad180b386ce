"""Which known vulnerabilities of packages fail a run of `.ci/run`."""

import json
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest

from tests.support.environment import ROOT

SCRIPT = ROOT / ".ci" / "audit.py"


def load() -> Any:
    spec = spec_from_file_location("audit", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


audit = load()


def vulnerability(id_: str, *fixes: str, aliases: tuple[str, ...] = ()) -> dict[str, Any]:
    return {"id": id_, "fix_versions": list(fixes), "aliases": list(aliases), "description": "words"}


def report(*found: dict[str, Any]) -> dict[str, Any]:
    return {
        "dependencies": [
            {"name": "flask", "version": "3.1.3", "vulns": list(found)},
            {"name": "limits", "version": "5.8.0", "vulns": []},
            {"name": "vine", "skip_reason": "not found"},
        ],
        "fixes": [],
    }


MENDED = vulnerability("PYSEC-1", "3.1.4", "3.2.0", aliases=("CVE-1",))


@pytest.mark.parametrize(
    ("found", "ignored", "lines"),
    [
        ([], "", []),
        ([MENDED], "", ["flask 3.1.3: PYSEC-1 is mended in 3.1.4, 3.2.0."]),
        ([vulnerability("PYSEC-2")], "", []),
        ([MENDED], "PYSEC-1 we do not call it", []),
        ([MENDED], "# all\n\nCVE-1 we do not call it", []),
        ([MENDED], "CVE-2 another", ["flask 3.1.3: PYSEC-1 is mended in 3.1.4, 3.2.0."]),
    ],
)
def test_what_has_a_mended_release_fails_unless_there_is_a_reason(
    found: list[dict[str, Any]], ignored: str, lines: list[str]
) -> None:
    assert list(audit.to_mend(report(*found), audit.read_ignored(ignored))) == lines


def test_no_vulnerability_stays_without_a_reason() -> None:
    with pytest.raises(ValueError, match="CVE-1 has no reason"):
        audit.read_ignored("CVE-1")
    audit.read_ignored((SCRIPT.parent / "known-vulnerabilities.txt").read_text())


def test_a_line_says_what_was_looked_up() -> None:
    assert audit.summary(report(MENDED)) == "Of 3 packages 2 were looked up; vulnerabilities: PYSEC-1."
    assert audit.summary(report()).endswith("vulnerabilities: none.")
    assert audit.summary({"dependencies": [{"name": "vine", "skip_reason": "x"}]}) == (
        "Nothing was looked up about vulnerabilities: none of 1 packages is known there."
    )


@pytest.mark.parametrize(("found", "status"), [([], 0), ([MENDED], 1)])
def test_the_run_ends_as_the_tools_say(
    found: list[dict[str, Any]],
    status: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """With programs in the tools' places, as no test reaches out of the machine."""
    programs = tmp_path / "programs"
    programs.mkdir()
    answer = json.dumps(report(*found))
    for name, words in (("cyclonedx-py", ""), ("pip-audit", answer)):
        program = programs / name
        program.write_text(
            f"#!{sys.executable}\nimport sys, pathlib\npathlib.Path(sys.argv[-1]).write_text({words!r})\n"
        )
        program.chmod(0o755)
    monkeypatch.setattr(audit, "_install", lambda _deadline: programs)
    monkeypatch.setattr(audit, "ROOT", tmp_path)
    monkeypatch.setattr(audit, "FOLDER", tmp_path / "build" / "audit")
    assert audit.main() == status
    said = capsys.readouterr().out
    assert "The bill of materials (CycloneDX) is build/audit/bom.json." in said
    assert "Of 3 packages 2 were looked up" in said


@pytest.mark.slow
def test_without_the_tools_a_line_says_so_and_nothing_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(audit, "ROOT", tmp_path)
    monkeypatch.setattr(audit, "FOLDER", tmp_path / "build" / "audit")
    monkeypatch.setattr(audit, "TOOLS", ("--no-index", "no-such-package-for-tests"))
    assert audit.main() == 0
    assert "Nothing was looked up about vulnerabilities: pip ended with 1" in capsys.readouterr().out
    monkeypatch.setattr(audit, "SECONDS", 0)
    assert audit.main() == 0
    assert "took too long" in capsys.readouterr().out
