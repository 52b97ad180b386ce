"""What users and tokens add to an application; the guard and the throttle come last of all, by themselves."""

from flask import Flask

from notifyhub.auth import commands, failures


def init_app(app: Flask) -> None:
    """Add the count of failed authentications, and the commands about users, tokens and permissions."""
    failures.init_app(app)
    for command in (commands.users, commands.tokens, commands.list_permissions):
        app.cli.add_command(command)
