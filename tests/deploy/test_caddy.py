"""The Caddyfile, which Caddy itself checks where it is installed."""

import json
import re
import shutil
import subprocess

import pytest

from tests.deploy.files import FOLDER


def words(server: str, status: str) -> str:
    """Return the JSON with which a proxy's file says that the body is too large, as it stands there."""
    found = re.search(rf"{status} ?\{{?[^}}]*?[`'](\{{[^`']*?\}})", server)
    assert found
    return json.loads(found[1])["detail"]  # type: ignore[no-any-return]


def test_a_body_that_is_too_large_is_refused_in_the_same_words_by_both_proxies() -> None:
    """Static: what Caddy makes of its file is tried where it is installed, below."""
    caddy, nginx = (FOLDER / "Caddyfile").read_text(), (FOLDER / "nginx.conf").read_text()
    assert words(caddy, "handle_errors 413") == words(nginx, "return 413") == "The body is too large."
    assert caddy.index("handle_errors 413 {") < caddy.index("handle_errors {")  # the first that fits answers


@pytest.mark.parametrize("command", [["validate"], ["fmt", "--diff"]], ids=lambda command: command[0])
def test_caddy_finds_nothing_wrong_with_its_file(command: list[str]) -> None:
    if not shutil.which("caddy"):
        pytest.skip("caddy is not installed")
    name, *options = command
    path = str(FOLDER / "Caddyfile")
    arguments = [*options, path] if name == "fmt" else ["--adapter", "caddyfile", "--config", path]
    done = subprocess.run(["caddy", name, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
