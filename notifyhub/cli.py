"""The `notifyhub` command: every command there is, from any folder."""

import errno
import logging
import os
import signal
import socket
import sys
from mmap import mmap
from pathlib import Path
from typing import Any

import click
from alembic.util import CommandError as MigrationError
from flask import Flask
from flask.cli import ScriptInfo
from flask_migrate.cli import db as migrations
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from notifyhub import logs, shared_instruments
from notifyhub.app import create_app
from notifyhub.auth import accounts
from notifyhub.auth.commands import list_permissions, tokens, users
from notifyhub.backups.commands import backup, restore
from notifyhub.database.commands import CommandError
from notifyhub.database.confidential import KeysDoNotFit
from notifyhub.database.connection_checks import check_keys
from notifyhub.database.migrations import upgrade_quietly
from notifyhub.database.outages import in_one_line
from notifyhub.database.rotation import keys
from notifyhub.extensions import db
from notifyhub.health.commands import status
from notifyhub.instance import InvalidSetting
from notifyhub.jobs import worker as delivery
from notifyhub.jobs.threads import CONCURRENCY
from notifyhub.messages.commands import send
from notifyhub.process import last_words, restart
from notifyhub.process.listener import listen, warn_of_strangers
from notifyhub.process.restart import Inheritance
from notifyhub.process.server import Server
from notifyhub.process.supervisor import PartEnded, Supervisor
from notifyhub.seeding.commands import notifiers
from notifyhub.statistics.commands import statistics

log = logging.getLogger(__name__)

SERVICES = {"up", "worker"}
"""The commands whose failures are lines of the log, where that is for machines."""


class _Main(click.Group):
    """The commands, listed in sections. What keeps one from running is one line for an operator."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._sections: dict[str, list[str]] = {}

    def add_section(self, title: str, *commands: click.Command) -> None:
        """Add commands, and list them under a title of their own."""
        for command in commands:
            self.add_command(command)
        self._sections[title] = [str(command.name) for command in commands]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the sections, their descriptions in one column."""
        width = max(len(name) for name in self.list_commands(ctx))
        limit = formatter.width - width - 6  # what click leaves for a description
        for title, names in self._sections.items():
            with formatter.section(title):
                formatter.write_dl(
                    [(name.ljust(width), self.commands[name].get_short_help_str(limit)) for name in names]
                )

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that was asked for."""
        try:
            return self._invoke(ctx)
        except click.UsageError:
            raise
        except click.ClickException as error:
            if ctx.invoked_subcommand not in SERVICES or not logs.writes_json():
                raise
            log.error(error.format_message())  # noqa: TRY400 - it is one line
            sys.exit(error.exit_code)

    def _invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (SQLAlchemyError, MigrationError, CommandError, PartEnded) as error:
            raise click.ClickException(_words(error)) from error
        except OSError as error:
            # Where nobody reads any more click ends quietly; the log of a service tells where it happened.
            if error.errno == errno.EPIPE or ctx.invoked_subcommand in SERVICES:
                raise
            words = [str(part) for part in (error.strerror or error, error.filename) if part]
            raise click.ClickException(": ".join(words)) from error


def _words(error: Exception) -> str:
    """Return what keeps a command from running, in one line for an operator."""
    return in_one_line(error) if isinstance(error, SQLAlchemyError) else str(error)


@click.group(cls=_Main)
@click.version_option(package_name="notifyhub", prog_name="notifyhub", message="%(prog)s %(version)s")
@click.pass_context
def main(ctx: click.Context) -> None:
    """NotifyHub: SMS and email behind one HTTP API."""
    ctx.obj = ScriptInfo(create_app=_checked_app, set_debug_flag=False)


def _inheritance(_ctx: click.Context, _option: click.Parameter, value: str | None) -> Inheritance | None:
    try:
        return Inheritance.parse(value) if value else None
    except ValueError:
        raise click.BadParameter("the service itself gives it, when it restarts") from None


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen at.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535))
@click.option(
    "--workers",
    default=min(max(os.cpu_count() or 1, 2), 8),
    type=click.IntRange(1),
    help="Processes; by default one for each CPU, 2 to 8.",
)
@click.option(restart.OPTION, "inheritance", hidden=True, callback=_inheritance)
def up(host: str, port: int, workers: int, inheritance: Inheritance | None) -> None:
    """Run everything: upgrade the database, on the first start create user `admin`, serve and deliver.

    SIGHUP restarts it in place, with the program that is installed by then.
    """
    app = _service(anew=inheritance is None)
    if inheritance:
        listener = socket.socket(fileno=inheritance.listener)
        listener.set_inheritable(False)
    else:
        listener = listen(host, port)
        warn_of_strangers(listener, behind_proxy=app.config["TRUSTED_PROXIES"] > 0)
        with app.app_context():
            upgrade_quietly()
    with Supervisor(inheritance.parts if inheritance else None, at_stop=listener.close) as parts:
        if inheritance:
            _take_over(app, parts, listener, workers)
        else:
            with app.app_context():  # a signal does not come between the admin and the token's being printed
                _introduce_admin()
            _start_parts(app, parts, listener, workers)
        while parts.wait():
            log.info("NotifyHub restarts")
            if restart.is_possible("up"):
                restart.execute("up", Inheritance(listener.fileno(), parts.parts))
        with app.app_context():
            _fold_write_ahead_log()
        log.info("NotifyHub has stopped")


def _take_over(app: Flask, parts: Supervisor, listener: socket.socket, workers: int) -> None:
    """Replace the parts of the program that this one follows; if that fails, they go on."""
    try:
        with app.app_context():
            upgrade_quietly()  # while they serve
    except (SQLAlchemyError, MigrationError) as error:
        parts.give_up(f"The database can't be upgraded: {_words(error)}")
        return
    ready = _start_parts(app, parts, listener, workers)
    parts.replace_old(lambda: ready[0] == 1)


def _start_parts(app: Flask, parts: Supervisor, listener: socket.socket, workers: int) -> mmap:
    """Start the server and the worker; return a byte that becomes 1 as soon as the server answers."""
    with app.app_context():
        _close_connections()
    ready = mmap(-1, 1)  # shared with forks

    def serve() -> None:
        Server(app, listener, workers, lambda: ready.__setitem__(0, 1)).run()

    def deliver() -> None:
        listener.close()
        sys.exit(delivery.run(app, beat=True))

    parts.start("server", serve)
    parts.start("worker", deliver)
    return ready


@click.command()
@click.option("--concurrency", default=CONCURRENCY, show_default=True, type=click.IntRange(1, 1000))
@click.option("--beat", is_flag=True, help="Keep the time for all workers; at least one has to.")
def worker(concurrency: int, *, beat: bool) -> None:
    """Deliver messages until stopped; wait for a broker or database that is not there yet.

    SIGHUP restarts it in place, with the program that is installed by then.
    """
    app = _service()
    status = delivery.run(app, concurrency, beat=beat, may_restart=lambda: restart.is_possible("worker"))
    if status == delivery.RESTART:
        restart.execute("worker")
    sys.exit(status)


main.add_section("Service", up, worker, status)
main.add_section("Messages and notifiers", send, notifiers)
main.add_section("Users and permissions", users, tokens, list_permissions)
main.add_section("Database and keys", migrations, keys, statistics, backup, restore)


def _end_when_told() -> None:
    """Have SIGTERM and Ctrl-C end the process at once, until a part has its own way.

    The database undoes what is under way. An exception would not do: Python drops those that are raised while
    it collects garbage. SIGHUP waits until there is somebody to take it.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: os._exit(0))
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})


def _service(*, anew: bool = False) -> Flask:
    """Return the application for a process that runs until it is stopped; `anew`, its metrics begin then."""
    _end_when_told()
    app = _app()
    last_words.log_instead()
    shared_instruments.share(Path(app.instance_path), anew=anew)
    return app


def _app() -> Flask:
    """Return the application, or end with the one line that says which variable is wrong."""
    try:
        return create_app()
    except InvalidSetting as error:
        click.echo(error, err=True)
        sys.exit(3)


def _checked_app() -> Flask:
    """Return the application for a command, or end with one line if its keys do not fit the database."""
    app = _app()
    try:
        check_keys(app)
    except KeysDoNotFit as error:
        click.echo(error, err=True)
        sys.exit(3)
    return app


def _introduce_admin() -> None:
    """On the first start create user `admin` and print its token."""
    key = _first_admin()
    if key is not None:
        log.info("User admin was created. This is its token, which is shown only now:")
        click.echo(key)


def _close_connections() -> None:
    """Close the connections to the database: forks must not share them."""
    for engine in db.engines.values():
        engine.dispose()


def _fold_write_ahead_log() -> None:
    """Leave SQLite's database in one file, as it does itself when the last connection is closed.

    The parts' connections end with their processes.
    """
    if db.engine.dialect.name == "sqlite":
        with db.engine.connect() as connection:
            connection.exec_driver_sql("SELECT 1 FROM alembic_version")
        _close_connections()


def _first_admin() -> str | None:
    try:
        with accounts.changes() as session:
            return accounts.create_first_admin(session)
    except IntegrityError:  # by another process that starts at this moment, and prints the token
        return None
