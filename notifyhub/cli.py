"""The `notifyhub` command: everything on one machine."""

import os
import signal
import socket
import sys
from typing import Any

import click
from alembic import command as alembic
from alembic.util import CommandError as MigrationError
from flask import Flask, current_app
from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger
from sqlalchemy.exc import SQLAlchemyError

from notifyhub.app import create_app
from notifyhub.auth import accounts
from notifyhub.config import InvalidSetting
from notifyhub.database.commands import CommandError, in_one_line
from notifyhub.database.connections import transaction
from notifyhub.delivery.worker import CONCURRENCY
from notifyhub.delivery.worker import run as run_worker
from notifyhub.extensions import db

THREADS = 8
GRACE = 10  # seconds for the requests under way when the service is stopped


@click.group()
def main() -> None:
    """NotifyHub: SMS and email behind one HTTP API."""


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen at.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535))
@click.option(
    "--workers",
    default=min(max(os.cpu_count() or 1, 2), 8),
    type=click.IntRange(1),
    help="Processes; by default one for each CPU, 2 to 8.",
)
def up(host: str, port: int, workers: int) -> None:
    """Run everything: upgrade the database, on the first start create user `admin`, serve."""
    # Until gunicorn takes over the signals: what is under way is undone, and that is a clean end.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    app = _create_app()
    listener = _listen(host, port)
    with app.app_context():
        _prepare_database()
    _Server(app, listener, workers).run()


@main.command()
@click.option("--concurrency", default=CONCURRENCY, show_default=True, type=click.IntRange(1, 1000))
@click.option("--beat", is_flag=True, help="Keep the time for all workers, too: one of them has to.")
def worker(concurrency: int, *, beat: bool) -> None:
    """Deliver messages; wait for a broker or database that is not there yet."""
    sys.exit(run_worker(_create_app(), concurrency, beat=beat))


def _create_app() -> Flask:
    """Return the application, or end with one line that names the variable that is wrong."""
    try:
        return create_app()
    except InvalidSetting as error:
        click.echo(error, err=True)
        sys.exit(3)


def _listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens: requests that come before the service is ready wait in its queue.

    It comes before all else, so that a second start of the service by mistake changes nothing.
    """
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family, backlog=2048)
    except OSError as error:
        # A name that is not found has no number of the system's; else Python adds the address to the words.
        words = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
        raise click.ClickException(f"Can't listen at {host}, port {port}: {words}.") from error


def _prepare_database() -> None:
    """Upgrade the database; on the first start create user `admin` and print its token."""
    try:
        alembic.upgrade(current_app.extensions["migrate"].migrate.get_config(), "head")
        key = _first_admin()
    except SQLAlchemyError as error:
        raise click.ClickException(in_one_line(error)) from error
    except (MigrationError, CommandError) as error:
        raise click.ClickException(str(error)) from error
    finally:
        db.engine.dispose()  # the workers are forks, and must not share a connection
    if key is not None:
        click.echo("User admin was created. This is its token, which is shown only now:", err=True)
        click.echo(key)


def _first_admin() -> str | None:
    try:
        with transaction() as session:
            return accounts.create_first_admin(session)
    except accounts.NameTaken:  # by another process that starts at this moment, and prints the token
        return None


class _Log(Logger):  # type: ignore[misc]
    """gunicorn's log as part of the application's."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        self.error_log.handlers.clear()
        self.error_log.propagate = True


class _Server(BaseApplication):  # type: ignore[misc]
    """gunicorn, which serves an application on a socket that listens already."""

    def __init__(self, app: Flask, listener: socket.socket, workers: int) -> None:
        self.app = app
        self.options = {
            "bind": f"fd://{listener.detach()}",
            "workers": workers,
            "worker_class": "gthread",
            "threads": THREADS,
            "graceful_timeout": GRACE,
            "logger_class": _Log,
            "control_socket_disable": True,
            # Whose X-Forwarded-* headers count is the application's setting.
            "forwarded_allow_ips": "",
        }
        super().__init__()

    def load_config(self) -> None:
        for name, value in self.options.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        return self.app
