"""The command that seeds the database from a file."""

import os
from contextlib import suppress
from importlib.resources import files
from typing import BinaryIO

import click

from notifyhub.database.commands import Commands
from notifyhub.database.connections import orm_session
from notifyhub.seeding import document
from notifyhub.seeding.mistakes import Mistakes
from notifyhub.seeding.seeder import seed

notifiers = Commands("notifiers", help="SMS and email notifiers.")


class _DryRun(Exception):
    """All is said that would change: the transaction is taken back."""


@notifiers.command("seed")
@click.argument("file", type=click.File("rb"), required=False)
@click.option("--dry-run", is_flag=True, help="Say what would change, and write nothing.")
def seed_notifiers(file: BinaryIO | None, *, dry_run: bool) -> None:
    """Create and change what FILE says (YAML or JSON; - is standard input).

    That is notifiers, patterns, settings and webhooks. All or nothing. Each object and field that changes is
    told, secrets by their names alone. Without FILE, a commented example is printed.
    """
    if file is None:
        click.echo(files("notifyhub.seeding").joinpath("example.yaml").read_bytes(), nl=False)
        return
    mistakes = Mistakes(getattr(file, "name", "<stdin>"))
    root = document.read(file.read(document.MAX_BYTES + 1), os.environ, mistakes)
    # Left by an exception, so that what is to follow the commit, such as deliveries of events, does not.
    with suppress(_DryRun), orm_session() as session:
        report = seed(session, root, mistakes)
        mistakes.raise_first()
        session.flush()
        if dry_run:
            raise _DryRun
    for line in report.lines(dry_run=dry_run):
        click.echo(line)
