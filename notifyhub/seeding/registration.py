"""What seeding adds to an application."""

from flask import Flask

from notifyhub.seeding import commands


def init_app(app: Flask) -> None:
    """Add the command that seeds the database from a file."""
    app.cli.add_command(commands.notifiers)
