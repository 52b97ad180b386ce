"""The Caddyfile, which Caddy itself checks where it is installed."""

import shutil
import subprocess

import pytest

from tests.deploy.files import FOLDER


@pytest.mark.parametrize("command", [["validate"], ["fmt", "--diff"]], ids=lambda command: command[0])
def test_caddy_finds_nothing_wrong_with_its_file(command: list[str]) -> None:
    if not shutil.which("caddy"):
        pytest.skip("caddy is not installed")
    name, *options = command
    path = str(FOLDER / "Caddyfile")
    arguments = [*options, path] if name == "fmt" else ["--adapter", "caddyfile", "--config", path]
    done = subprocess.run(["caddy", name, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
