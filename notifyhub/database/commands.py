"""What all commands share, and the command that re-encrypts stored secrets."""

from typing import Any

import click
from flask.cli import AppGroup
from sqlalchemy.exc import SQLAlchemyError


class CommandError(Exception):
    """A command can't do what it was asked for; the text says why, in one line, in words for an operator."""


class Commands(AppGroup):
    """A group of commands whose errors are one line, not a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except CommandError as error:
            raise click.ClickException(str(error)) from error
        except SQLAlchemyError as error:
            raise click.ClickException(_words(error)) from error


def _words(error: SQLAlchemyError) -> str:
    """Return the database's own first line, without the statement, whose values may be secrets."""
    cause = str(getattr(error, "orig", None) or type(error).__name__).strip().splitlines()[0]
    return f"The database refuses: {cause} (has `flask db upgrade` been run?)"
