"""The units for systemd, as far as they can be tried where it does not run."""

import ctypes
import os
import re
import signal
import socket
import subprocess
import sys
import sysconfig
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.deploy.files import INSTALLED, UNITS, started_by, unit
from tests.process.conftest import MESSAGES, TEXT, add_notifier, status_of
from tests.process.conftest import start as start  # noqa: PLC0414 - a fixture
from tests.simulators import MeliPayamakSimulator
from tests.support.environment import ROOT, program
from tests.support.processes import free_port, stop, wait_for_port
from tests.support.service import Service, until

EXPOSURE = 15
"""How much a unit may leave open, in tenths, as systemd counts; one without any protection has 96."""

_PR_SET_MDWE, _PR_MDWE_REFUSE_EXEC_GAIN = 65, 1
NO_WRITABLE_CODE = (
    "import ctypes, sys\n"
    f"if ctypes.CDLL(None).prctl({_PR_SET_MDWE}, {_PR_MDWE_REFUSE_EXEC_GAIN}, 0, 0, 0): sys.exit(77)"
)
"""What has the kernel refuse a process what MemoryDenyWriteExecute= does, as of Linux 6.3."""


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_systemd_finds_nothing_wrong_with_a_unit(path: Path, tmp_path: Path) -> None:
    """Programs are looked for where they are here."""
    analyze = program("systemd-analyze")
    scripts = sysconfig.get_path("scripts")
    text = path.read_text()
    assert f"{INSTALLED}/.venv/bin/" in text
    copy = tmp_path / path.name
    copy.write_text(text.replace(f"{INSTALLED}/.venv/bin", scripts).replace(INSTALLED, str(ROOT)))
    done = subprocess.run(
        [analyze, "verify", "--man=no", str(copy)], capture_output=True, text=True, check=False
    )
    words = [line for line in done.stderr.splitlines() if path.name in line]
    assert (done.returncode, words) == (0, []), done.stderr


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_a_unit_leaves_little_open(path: Path) -> None:
    done = subprocess.run(
        [program("systemd-analyze"), "security", "--offline=true", f"--threshold={EXPOSURE}", str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_all_units_are_protected_alike() -> None:
    texts = [path.read_text() for path in UNITS]
    parts = {re.search(r"^# What it can't do.*?^\[Install\]", text, re.M | re.S)[0] for text in texts}  # type: ignore[index]
    assert len(parts) == 1


@pytest.mark.slow
@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_a_unit_calls_the_system_for_nothing_that_its_filter_refuses(path: Path, tmp_path: Path) -> None:
    """From the start to the end of what it starts, with a question for its health between them."""
    refused = set().union(*(_calls(name) for name in ("@privileged", "@resources")))
    allowed = _calls("@system-service") - refused
    name, *arguments = started_by(path)
    port = str(free_port())
    arguments = [word.replace("8000", port) for word in arguments]
    command = [Path(sysconfig.get_path("scripts")) / name, *arguments]
    variables = {**os.environ, "NOTIFYHUB_INSTANCE": str(tmp_path / "instance"), "PYTHONUNBUFFERED": "1"}
    upgrade = [Path(sysconfig.get_path("scripts")) / "notifyhub", "db", "upgrade"]
    subprocess.run(upgrade, env=variables, check=True, capture_output=True)
    trace, log = tmp_path / "trace", tmp_path / "log"
    with log.open("w") as output:
        traced = [program("strace"), "-f", "-qq", "-o", str(trace), *map(str, command)]
        process = subprocess.Popen(traced, cwd=ROOT, env=variables, stdout=output, stderr=output, text=True)
    try:
        if "worker" in arguments:
            until(lambda: "The worker is ready" in log.read_text(), "the worker is ready", 60)
        else:
            wait_for_port(process, int(port))
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=60) as answer:
                assert answer.status in {200, 503}
        (child,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        os.kill(int(child), signal.SIGTERM)
        assert process.wait(60) == 0
    finally:
        stop(process)
    used = set(re.findall(r"^\d+ +(\w+)\(", trace.read_text(errors="replace"), re.MULTILINE))
    assert "execve" in used
    assert used - allowed - {"fchown"} == set()  # which SQLite calls where root runs it, as here


def _calls(name: str) -> set[str]:
    """Return what a set of systemd's has in it."""
    shown = subprocess.run(
        [program("systemd-analyze"), "syscall-filter", name], capture_output=True, text=True, check=True
    )
    words = [line.strip() for line in shown.stdout.splitlines()[1:]]
    found: set[str] = set()
    for word in words:
        if word and not word.startswith("#"):
            found |= _calls(word) if word.startswith("@") else {word}
    return found


def test_only_what_says_that_it_is_ready_is_waited_for() -> None:
    types = {started_by(path)[0]: unit(path)["Service"]["Type"] for path in UNITS}
    assert types == {"notifyhub": "exec", "gunicorn": "notify"}


@pytest.mark.slow
def test_gunicorn_says_when_it_is_ready(tmp_path: Path) -> None:
    (path,) = (path for path in UNITS if unit(path)["Service"]["Type"] == "notify")
    _, *arguments = started_by(path)
    arguments[arguments.index("-b") + 1] = f"127.0.0.1:{free_port()}"
    place = tmp_path / "notify"
    variables = {"NOTIFYHUB_INSTANCE": str(tmp_path / "instance"), "NOTIFY_SOCKET": str(place)}
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(place))
        manager.settimeout(30)
        command = [sys.executable, "-m", "gunicorn", *arguments]
        with (tmp_path / "log").open("w") as log:
            process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **variables}, stderr=log)
        try:
            assert b"READY=1" in manager.recv(4096)
        finally:
            process.terminate()
            process.wait(40)


@pytest.mark.slow
def test_the_service_works_where_no_memory_is_both_written_and_executed(
    start: Callable[..., Service],
) -> None:
    """MemoryDenyWriteExecute= fits the packages that it consists of: it delivers, and it restarts."""
    if ctypes.CDLL(None).prctl(66, 0, 0, 0, 0) < 0:  # PR_GET_MDWE
        pytest.skip("This kernel does not know PR_SET_MDWE (Linux 6.3)")
    with MeliPayamakSimulator() as console:
        service = start(first=NO_WRITABLE_CODE, NOTIFYHUB_MELIPAYAMAK_URL=console.url)
        service.wait_until_it_serves()
        notifier = add_notifier(service, service.key)
        made = service.post(MESSAGES, {**TEXT, "notifier": notifier}, service.key)
        until(lambda: status_of(service, made, service.key) == "sent", "it is sent")
    assert service.stop() == 0
