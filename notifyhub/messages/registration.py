"""What messages add to an application."""

from flask import Flask

from notifyhub.messages import commands


def init_app(app: Flask) -> None:
    """Add the command that sends one message."""
    app.cli.add_command(commands.send)
