"""The command that seeds notifiers, patterns and settings from a file."""

import os
from importlib.resources import files
from typing import BinaryIO

import click

from notifyhub.database.commands import Commands
from notifyhub.database.connections import orm_session
from notifyhub.seeding import document
from notifyhub.seeding.mistakes import Mistakes
from notifyhub.seeding.seeder import seed

notifiers = Commands("notifiers", help="SMS and email notifiers.")


@notifiers.command("seed")
@click.argument("file", type=click.File("rb"), required=False)
def seed_notifiers(file: BinaryIO | None) -> None:
    """Create and change notifiers, patterns and settings as FILE says (YAML or JSON; - is standard input).

    All or nothing. Without FILE, a commented example is printed.
    """
    if file is None:
        click.echo(files("notifyhub.seeding").joinpath("example.yaml").read_bytes(), nl=False)
        return
    mistakes = Mistakes(getattr(file, "name", "<stdin>"))
    root = document.read(file.read(document.MAX_BYTES + 1), os.environ, mistakes)
    with orm_session() as session:
        counts = seed(session, root, mistakes)
        mistakes.raise_first()
    for noun, counted in counts.items():
        outcomes = ", ".join(
            f"{counted[outcome]} {outcome}" for outcome in ("created", "updated", "unchanged")
        )
        click.echo(f"{noun}: {outcomes}")
