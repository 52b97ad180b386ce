"""The Containerfile, as far as it can be followed without an engine: its commands work in a folder."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.deploy.files import INSTALLED, instructions
from tests.support.environment import ROOT
from tests.support.processes import free_port, stop, wait_for_port

COPIED = [
    source
    for name, arguments in instructions()
    if name == "COPY" and not arguments.startswith("--from=")
    for source in arguments.split()[:-1]
]
STAGES = [arguments for name, arguments in instructions() if name == "FROM"]


def last(instruction: str) -> str:
    return next(arguments for name, arguments in reversed(instructions()) if name == instruction)


def environment() -> dict[str, str]:
    """Return the variables that the image sets."""
    return dict(entry.split("=", 1) for entry in last("ENV").split())


def test_what_is_copied_is_there_and_not_ignored() -> None:
    assert [name for name in COPIED if not (ROOT / name).exists()] == []
    everything, *rules = (ROOT / ".dockerignore").read_text().splitlines()
    assert everything == "*"
    assert {rule.removeprefix("!") for rule in rules if rule.startswith("!")} == set(COPIED)


def test_the_image_is_built_in_two_stages_on_one_base() -> None:
    assert STAGES[0] == f"{STAGES[1]} AS build"
    assert ("COPY", f"--from=build {INSTALLED} {INSTALLED}") in instructions()


def test_nothing_in_the_image_is_run_by_root_or_by_a_shell() -> None:
    assert last("USER") == "10001:10001"
    assert any(name == "RUN" and "--uid 10001" in arguments for name, arguments in instructions())
    assert isinstance(json.loads(last("CMD")), list)
    assert isinstance(json.loads(last("HEALTHCHECK").partition("CMD ")[2]), list)


def test_data_are_in_a_volume() -> None:
    assert json.loads(last("VOLUME")) == [environment()["NOTIFYHUB_INSTANCE"]]


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_the_commands_of_the_containerfile_make_a_service_that_is_healthy(tmp_path: Path) -> None:
    """In a folder in the image's place: what is copied is copied, what is run is run."""
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, checkout / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, checkout / name)
    built = [
        json.loads(arguments) for name, arguments in instructions() if name == "RUN" and arguments[0] == "["
    ]
    assert len(built) == 2
    for command in built:
        done = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    instance, port = tmp_path / "instance", str(free_port())
    scripts = checkout / ".venv" / "bin"
    set_ = {**environment(), "PATH": f"{scripts}:{os.environ['PATH']}", "NOTIFYHUB_INSTANCE": str(instance)}
    program, *arguments = json.loads(last("CMD"))
    arguments = [{"0.0.0.0": "127.0.0.1", "8000": port}.get(word, word) for word in arguments]
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(
            [scripts / program, *arguments], cwd=checkout, env=set_, stdout=log, stderr=log, text=True
        )
    try:
        wait_for_port(process, int(port))
        check = [
            word.replace(":8000/", f":{port}/")
            for word in json.loads(last("HEALTHCHECK").partition("CMD ")[2])
        ]
        assert subprocess.run([scripts / check[0], *check[1:]], env=set_, check=False).returncode == 0
    finally:
        stop(process)
    assert process.returncode == 0
    assert (
        subprocess.run(
            [scripts / check[0], *check[1:]], env=set_, check=False, stderr=subprocess.DEVNULL
        ).returncode
        != 0
    )
