"""What units, Containerfile and compose.yaml start is there, and they agree on ports and folders."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography.fernet import Fernet

from notifyhub import config
from notifyhub.cli import main
from notifyhub.providers.registry import URL_VARIABLES
from tests.deploy.files import FOLDER, UNITS, compose, instructions, started_by, unit
from tests.support.environment import ROOT

IMAGE_COMMAND = json.loads(next(text for name, text in reversed(instructions()) if name == "CMD"))
COMMANDS = {
    **{path.name: started_by(path) for path in UNITS},
    "Containerfile": IMAGE_COMMAND,
    **{
        f"compose.yaml {name}": service["command"]
        for name, service in compose()["services"].items()
        if service.get("image") == "notifyhub"
    },
}
SECRETS = {
    "POSTGRES_PASSWORD": "password",
    "RABBITMQ_PASSWORD": "password",
    "NOTIFYHUB_SECRET_KEY": "a secret key of this test",
    "NOTIFYHUB_ENCRYPTION_KEYS": Fernet.generate_key().decode(),
}


def test_every_file_has_its_commands() -> None:
    assert len(UNITS) == 3
    assert len(COMMANDS) == 7


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(command, id=name, marks=[pytest.mark.slow] if name == "compose.yaml api" else [])
        for name, command in COMMANDS.items()
    ],
)
def test_a_command_is_one_that_there_is(command: list[str], tmp_path: Path) -> None:
    program, *arguments = command
    if program == "notifyhub":
        shown = CliRunner().invoke(main, [*arguments, "--help"])
        assert (shown.exit_code, shown.output.startswith("Usage:")) == (0, True), shown.output
        return
    assert program == "gunicorn"
    checked = subprocess.run(
        [sys.executable, "-m", "gunicorn", "--check-config", *arguments],
        cwd=ROOT,
        env={**os.environ, "NOTIFYHUB_INSTANCE": str(tmp_path / "instance")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stderr


@pytest.mark.parametrize("name", COMMANDS)
def test_gunicorn_runs_the_worker_of_ours_and_believes_no_proxy_itself(name: str) -> None:
    command = COMMANDS[name]
    if command[0] == "gunicorn":
        assert command[command.index("-k") + 1] == "notifyhub.process.server.Worker"
        assert {"--no-control-socket", "--forwarded-allow-ips="} <= set(command)
    else:
        assert command[0] == "notifyhub"


def test_ports_agree() -> None:
    nginx = (FOLDER / "nginx.conf").read_text()
    caddy = (FOLDER / "Caddyfile").read_text()
    given = dict(instructions())
    found = [
        *(re.findall("server 127.0.0.1:([0-9]+);", nginx)),
        *(re.findall("reverse_proxy 127.0.0.1:([0-9]+)", caddy)),
        given["EXPOSE"],
        *re.findall("http://127.0.0.1:([0-9]+)/healthz", given["HEALTHCHECK"]),
    ]
    for command in COMMANDS.values():
        options = {"--port", "-b"} & set(command)
        found += [command[command.index(option) + 1].removeprefix("127.0.0.1:") for option in options]
    assert (set(found), len(found)) == ({"8000"}, 8)


def test_the_variables_of_the_compose_file_are_the_services() -> None:
    for service in compose()["services"].values():
        if service.get("image") != "notifyhub":
            continue
        given = {
            name: re.sub(r"\$\{(\w+):\?\}", lambda found: SECRETS[found[1]], value)
            for name, value in service["environment"].items()
        }
        read = config.read(given, URL_VARIABLES.values())
        assert read["DATABASE_URL"] == "postgresql+psycopg://notifyhub:password@database/notifyhub"
        assert read["BROKER_URL"] == "amqp://notifyhub:password@broker//"
        assert (read["TRUSTED_PROXIES"], read["ALLOWED_HOSTS"]) == (1, {"notify.example.com"})
        assert {"SECRET_KEY", "ENCRYPTION_KEYS"} <= read.keys()


def test_the_compose_file_is_whole() -> None:
    """Hosts that URLs name are services, volumes are declared, files that are mounted are there."""
    parsed = compose()
    services = parsed["services"]
    assert {"database", "broker", "api", "worker", "nginx", "migrate"} == services.keys()
    mounted = [
        volume.partition(":")[0] for service in services.values() for volume in service.get("volumes", [])
    ]
    assert {name for name in mounted if not name.startswith(".")} == parsed["volumes"].keys()
    assert {name for name in mounted if name.startswith(".")} == {"./nginx.conf", "./tls"}
    assert (FOLDER / "nginx.conf").is_file()
    for service in services.values():
        assert set(service.get("depends_on", {})) <= services.keys()
    build = services["api"]["build"]
    assert (FOLDER / build["context"]).resolve() == ROOT
    assert (ROOT / build["dockerfile"]).is_file()
    assert services["nginx"]["network_mode"] == "service:api"
    assert services["api"]["ports"] == ["80:80", "443:443"]


def test_no_secret_stands_in_a_file() -> None:
    """Each comes from outside, and a start without it is refused."""
    text = (FOLDER / "compose.yaml").read_text()
    assert set(re.findall(r"\$\{(\w+):\?\}", text)) == SECRETS.keys()
    assert [name for name in re.findall(r"\$\{[^}]*\}", text) if not name.endswith(":?}")] == []
    secret = re.compile("PASSWORD|SECRET|KEY|TOKEN")
    for name, arguments in instructions():
        assert not (name in {"ENV", "ARG"} and secret.search(arguments))


def test_the_example_of_an_environment_file_is_one_that_the_service_takes() -> None:
    lines = [line for line in (FOLDER / "environment").read_text().splitlines() if not line.startswith("#")]
    read = config.read(dict(line.split("=", 1) for line in lines), URL_VARIABLES.values())
    assert (read["TRUSTED_PROXIES"], read["ALLOWED_HOSTS"]) == (1, {"notify.example.com"})
    commented = re.findall(r"^# (NOTIFYHUB_\w+)=", (FOLDER / "environment").read_text(), re.MULTILINE)
    config.read(dict.fromkeys(commented, ""), URL_VARIABLES.values())
    assert len(commented) == 4


def test_the_secrets_that_the_document_makes_are_taken(tmp_path: Path) -> None:
    """Its commands write the file that compose.yaml reads, for its owner alone."""
    text = (FOLDER / "README.md").read_text()
    (commands,) = re.findall(r"```sh\n(umask 077\n.*?)docker compose", text, re.DOTALL)
    (tmp_path / "docs" / "deploy").mkdir(parents=True)
    subprocess.run(["bash", "-euc", commands], cwd=tmp_path, check=True)
    file = tmp_path / "docs" / "deploy" / ".env"
    assert file.stat().st_mode & 0o777 == 0o600
    made = dict(line.split("=", 1) for line in file.read_text().splitlines())
    assert made.keys() == SECRETS.keys()
    config.read({name: value for name, value in made.items() if name.startswith("NOTIFYHUB_")})
    assert len(set(made.values())) == len(made)


def test_the_document_names_the_files_that_there_are() -> None:
    text = (FOLDER / "README.md").read_text()
    files = {path.name for path in FOLDER.iterdir() if not path.name.startswith(".") and path.is_file()}
    assert [name for name in files - {"README.md"} if f"`{name}`" not in text] == []


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_units_agree_on_user_folders_and_variables(path: Path) -> None:
    service = unit(path)["Service"]
    assert (service["User"], service["StateDirectory"]) == ("notifyhub", "notifyhub")
    assert service["EnvironmentFile"] == "/etc/notifyhub/environment"
    assert service["Environment"] == "NOTIFYHUB_INSTANCE=/var/lib/notifyhub"
    assert service["ExecReload"] == "/bin/kill -HUP $MAINPID"
    assert service["RestartPreventExitStatus"] == "3"
