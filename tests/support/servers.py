"""Servers of a test's own, which it may stop and start again: a database, a broker."""

import os
import pwd
import shutil
import subprocess
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.environment import program
from tests.support.processes import free_port, stop, wait_for_port

ESTABLISHED, CLOSE_WAIT = "01", "08"
OWNER = "postgres"
"""The user of the database, and of its processes where root runs the tests, for whom it does not run."""


class Broker(ABC):
    """A broker that forgets what it held when it is stopped."""

    scheme: str

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.start()

    @property
    def url(self) -> str:
        return f"{self.scheme}127.0.0.1:{self.port}/"

    def start(self) -> None:
        with (self.folder / "broker.log").open("a") as log:
            self.process = subprocess.Popen(
                self.command(), env={**os.environ, **self.variables()}, stdout=log, stderr=log, text=True
            )
        wait_for_port(self.process, self.port)

    def stop(self) -> None:
        stop(self.process)

    @abstractmethod
    def command(self) -> list[str]:
        """Return what it is started by."""

    def variables(self) -> dict[str, str]:
        return {}


class RedisServer(Broker):
    """A Redis in memory."""

    scheme = "redis://"

    def command(self) -> list[str]:
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", str(self.folder)]
        return [program("redis-server"), *options]


class RabbitMQServer(Broker):
    """A node of RabbitMQ by itself, without the daemon that tells nodes of each other (epmd)."""

    scheme = "amqp://guest:guest@"

    def command(self) -> list[str]:
        place = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")  # Debian's other one changes the user
        return [str(place) if place.exists() else program("rabbitmq-server")]

    def variables(self) -> dict[str, str]:
        distribution = str(free_port())
        return {
            "HOME": str(self.folder),
            "RABBITMQ_NODENAME": f"test-{self.port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": distribution,
            "RABBITMQ_MNESIA_BASE": str(self.folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(self.folder / "rabbitmq"),
            "RABBITMQ_CONFIG_FILE": str(self.folder / "none"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "none"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": f"-start_epmd false -erl_epmd_port {distribution}",
        }


class PostgreSQLServer:
    """A PostgreSQL with one database. `stop` ends its connections, as systemd's restart of it does."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.url = f"postgresql://{OWNER}@127.0.0.1:{self.port}/postgres"
        self._as_owner = ["setpriv", f"--reuid={OWNER}", f"--regid={OWNER}", "--clear-groups"]
        if os.geteuid() == 0:
            shutil.chown(folder, *pwd.getpwnam(OWNER)[2:4])
        else:
            self._as_owner = []
        self._run("initdb", "--username", OWNER, "--auth", "trust")
        self.start()

    def start(self) -> None:
        where = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self.folder}"
        self._run("pg_ctl", "start", "--wait", "--log", str(self.folder / "log"), "--options", where)

    def stop(self, mode: str = "fast") -> None:
        """Stop it; the mode `immediate` is a crash, after which it recovers."""
        if (self.folder / "postmaster.pid").exists():
            self._run("pg_ctl", "stop", "--wait", "--mode", mode)

    def _run(self, name: str, *options: str) -> None:
        command = [*self._as_owner, postgresql_program(name), "--pgdata", str(self.folder), *options]
        subprocess.run(command, cwd=self.folder, check=True, capture_output=True, timeout=60)


def connections_to(port: int) -> int:
    """Return how many connections to a port of this machine the server has not closed (proc(5): tcp)."""
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(line[1].endswith(f":{port:04X}") and line[3] in {ESTABLISHED, CLOSE_WAIT} for line in lines)


def postgresql_program(name: str) -> str:
    """Return where a program of PostgreSQL's server is; Debian keeps those of each version in a folder."""
    places = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda place: int(place.parts[4]))
    return str(places[-1]) if places else program(name)


@contextmanager
def postgresql() -> Iterator[PostgreSQLServer]:
    """Run a PostgreSQL. Its folder is not below the tests' own one, which its user may not enter."""
    with tempfile.TemporaryDirectory(prefix="notifyhub-postgresql-") as place:
        server = PostgreSQLServer(Path(place))
        try:
            yield server
        finally:
            server.stop("immediate")
