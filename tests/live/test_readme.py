"""The commands of README.md, from the first message to the audit, run as they stand there."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.simulators import IPPanelSimulator, MeliPayamakSimulator, SMTPSimulator
from tests.simulators.journal import Received
from tests.support.environment import ROOT
from tests.support.processes import free_port
from tests.support.service import Service

pytestmark = pytest.mark.slow

FIRST = """
set -emo pipefail
curl() { command curl --fail-with-body "$@"; }
code() { sleep 1; grep -o '[0-9]\\{5,6\\}' sms.txt | tail -n 1; }
first_token() { .venv/bin/notifyhub tokens list shop | sed -n 1p | cut -f1; }
"""
"""What has a command that fails end the walk, and what a reader does by looking."""

FILLED_IN = {
    "CODE=…": 'CODE="$(code)"',
    "MELIPAYAMAK_TOKEN=…": "MELIPAYAMAK_TOKEN=0123456789abcdef0123456789abcdef",
    "SMTP_PASSWORD=…": "SMTP_PASSWORD=simulated-mail-password",
    "tokens revoke PREFIX": 'tokens revoke "$(first_token)"',
    "sleep 15": "sleep 6",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with an environment and no more, as a checkout is one."""
    found = tmp_path / "checkout"
    found.mkdir()
    (found / ".venv").symlink_to(sys.prefix)
    return found


@pytest.fixture
def ports() -> dict[str, str]:
    """The ports of the README, and those that stand in for them."""
    return {shown: str(free_port()) for shown in ("8000", "9803", "9900")}


@pytest.fixture
def service(folder: Path, ports: dict[str, str]) -> Iterator[Service]:
    """`notifyhub up` as the second terminal has it; what the first one shows of texts stands in `sms.txt`."""

    def show(message: Received) -> None:
        with (folder / "sms.txt").open("a") as shown:
            shown.write(f"{message.text}\n")

    with IPPanelSimulator() as edge, MeliPayamakSimulator() as console, SMTPSimulator(int(ports["9803"])):
        console.journal.listener = show
        variables = {
            "NOTIFYHUB_INSTANCE": str(folder / "instance"),
            "NOTIFYHUB_IPPANEL_URL": edge.url,
            "NOTIFYHUB_MELIPAYAMAK_URL": console.url,
            "NOTIFYHUB_SMTP_VERIFY": "0",
            "NOTIFYHUB_WEBHOOK_ALLOW": "127.0.0.1",
            "NOTIFYHUB_REPORT_DELAY": "1",
        }
        started = Service(folder, variables, "up", "--workers", "2", port=int(ports["8000"]))
        try:
            started.wait_until_it_serves()
            started.wait_until_it_delivers()
            yield started
        finally:
            started.stop()


def walk() -> list[str]:
    """Return the blocks of commands of the third terminal, in their order."""
    _, begins, rest = (ROOT / "README.md").read_text().partition("In a third one, in bash:\n")
    assert begins
    blocks = re.findall(r"^```sh\n(.*?)^```", rest.partition("\n## Commands\n")[0], re.DOTALL | re.MULTILINE)
    assert len(blocks) == 11
    return blocks


def test_the_walk_works_from_its_first_command_to_its_last(
    folder: Path, service: Service, ports: dict[str, str]
) -> None:
    script = "\n".join(walk())
    for shown, filled in {**FILLED_IN, **ports, "TOKEN=…": f"TOKEN={service.key}"}.items():
        assert shown in script, shown
        script = script.replace(shown, filled)
    assert "…" not in re.sub(r"#.*", "", script)
    done = subprocess.run(
        ["bash", "-c", FIRST + script],
        cwd=folder,
        env={**os.environ, **service.environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    for told in (
        r'"verified":true',
        r"msg_\w+ webhook\.test \d+",
        r"msg_\w+ message\.delivered \d+",
        r'"event":"webhook\.test".*"status":"delivered"',
        r'\{"count":0\}',
        r'"key":"[0-9a-f]{40}"',
        r'"ok":false.*\n.*\n\{"ok":true.*\n.*\n\{"ok":true',
        r'"changes":\{"name":\["melipayamak_general","main line"\]\}',
    ):
        assert re.search(told, done.stdout), told
