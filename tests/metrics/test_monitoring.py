"""The dashboard and the alert rules ask for nothing that `/metrics` does not tell."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from notifyhub import instruments
from tests.support.environment import ROOT

FOLDER = ROOT / "docs" / "monitoring"
OPERATIONS = (ROOT / "docs" / "operations.md").read_text()
OF_PROMETHEUS = {"instance", "job"}


def alerts() -> list[dict[str, Any]]:
    document = yaml.safe_load((FOLDER / "alerts.yaml").read_text())
    return [rule for group in document["groups"] for rule in group["rules"]]


def expressions() -> Iterator[str]:
    yield from (rule["expr"] for rule in alerts())
    for panel in json.loads((FOLDER / "dashboard.json").read_text())["panels"]:
        yield from (target["expr"] for target in panel["targets"])


def metrics_of(expression: str) -> set[str]:
    return set(re.findall(r"\bnotifyhub_\w+", expression))


def labels_of(expression: str) -> set[str]:
    lists = re.findall(r"\b(?:by|on|group_left) \(([^)]*)\)", expression)
    selected = re.findall(r"[{,]\s*(\w+)\s*(?:=~|!~|!=|=)", expression)
    return {name.strip() for names in lists for name in names.split(",")} | set(selected)


def test_there_are_some() -> None:
    assert len(list(expressions())) > 30
    assert len({rule["alert"] for rule in alerts()}) == len(alerts()) > 10


@pytest.mark.parametrize("rule", alerts(), ids=lambda rule: rule["alert"])
def test_an_alert_says_how_bad_it_is_and_what_it_means(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in {"warning", "critical"}
    assert rule["annotations"]["summary"].endswith(".")
    named = set(re.findall(r"\$labels\.(\w+)", " ".join(rule["annotations"].values())))
    assert named <= labels_of(rule["expr"])


def test_panels_do_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in json.loads((FOLDER / "dashboard.json").read_text())["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= cells


def test_promtool_takes_the_alert_rules() -> None:
    tool = shutil.which("promtool")
    if tool is None:
        pytest.skip("promtool is not installed; the rules' names are compared with what is told all the same")
    done = subprocess.run(
        [tool, "check", "rules", str(FOLDER / "alerts.yaml")], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_operations_tell_every_metric_that_processes_count() -> None:
    for instrument in instruments.ALL:
        (metric,) = instrument.collect()
        assert f"`{metric.name}" in OPERATIONS, metric.name
        for label in instrument._labelnames:
            assert label in OPERATIONS
