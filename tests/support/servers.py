"""Servers of a test's own, which it may stop and start again: a database, a broker."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from tests.support.environment import program
from tests.support.processes import free_port, stop, wait_for_port

OWNER = "postgres"
"""The user of the database, and of its processes where root runs the tests, for whom it does not run."""


class RedisServer:
    """A Redis in memory: what it held is lost when it is stopped."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._program = program("redis-server")
        self.process = self.start()

    def start(self) -> "subprocess.Popen[str]":
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", str(self.folder)]
        with (self.folder / "redis.log").open("a") as log:
            self.process = subprocess.Popen([self._program, *options], stdout=log, text=True)
        wait_for_port(self.process, self.port)
        return self.process

    def stop(self) -> None:
        stop(self.process)


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

    def connections(self) -> int:
        """Return how many clients there are."""
        count = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'"
        with psycopg.connect(self.url) as connection:
            return connection.execute(count).fetchone()[0] - 1  # type: ignore[index]

    def _run(self, name: str, *options: str) -> None:
        command = [*self._as_owner, postgresql_program(name), "--pgdata", str(self.folder), *options]
        subprocess.run(command, cwd=self.folder, check=True, capture_output=True, timeout=60)


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
