"""A real PgBouncer in transaction mode, as docs/deploy/pgbouncer.ini has it, on a port of this test's."""

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from sqlalchemy.engine import make_url

from tests.support.environment import ROOT, program
from tests.support.processes import free_port, stop, wait_for_port

SHOWN = ROOT / "docs/deploy/pgbouncer.ini"


@contextmanager
def pgbouncer(
    folder: Path, url: str, *, pool_size: int = 20, connect_query: str | None = None
) -> Iterator[str]:
    """Run PgBouncer between clients and a database; give the URL by which the service reaches that.

    The `connect_query` is the one that is shown, if none is given.
    """
    port = free_port()
    file = folder / "pgbouncer.ini"
    text = configuration(url, port, pool_size)
    if connect_query:
        text = re.sub("connect_query='.*'$", lambda _: f"connect_query='{connect_query}'", text, flags=re.M)
    file.write_text(text)
    user = ["-u", "postgres"] if os.geteuid() == 0 else []  # it refuses to run as root
    with (folder / "pgbouncer.log").open("w") as log:
        process = subprocess.Popen(
            [program("pgbouncer"), *user, str(file)], stdout=log, stderr=log, text=True
        )
    try:
        wait_for_port(process, port)
        there = make_url(url).set(host="127.0.0.1", port=port, query={"prepare_threshold": "none"})
        yield there.render_as_string(hide_password=False)
    finally:
        stop(process)


def configuration(url: str, port: int, pool_size: int) -> str:
    """Return the file that is shown, with the database and port of this test; each place must be there."""
    given = psycopg.conninfo.conninfo_to_dict(url)
    names = ("host", "port", "dbname", "user", "password")
    database = " ".join(f"{name}={given[name]}" for name in names if name in given)
    text = SHOWN.read_text()
    for old, new in (
        ("notifyhub = host=10.0.0.5 port=5432 dbname=notifyhub", f"{given['dbname']} = {database}"),
        ("listen_port = 6432", f"listen_port = {port}"),
        ("auth_type = scram-sha-256", "auth_type = any"),
        ("auth_file = /etc/pgbouncer/userlist.txt\n", ""),
        ("default_pool_size = 20", f"default_pool_size = {pool_size}"),
    ):
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text + "unix_socket_dir =\n"
