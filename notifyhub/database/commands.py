"""What all commands share: their errors are one line for an operator."""

from typing import Any

import click
from cryptography.fernet import InvalidToken
from flask.cli import AppGroup
from sqlalchemy.exc import SQLAlchemyError

from notifyhub.database.outages import in_one_line


class CommandError(Exception):
    """A command can't do what it was asked for; the text says why, in one line, in words for an operator."""


class Text(click.ParamType[str]):
    """A text from the command line, which a terminal of another encoding may have garbled."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the text, or refuse it, in one line, if no database could store it."""
        text = str(value)
        try:
            text.encode()
        except UnicodeEncodeError:
            name = param.get_error_hint(ctx).strip("'") if param else self.name
            raise click.ClickException(f"{name}: This is not UTF-8.") from None
        return text


TEXT = Text()


class _OneLine(click.Command):
    """A command whose errors are one line, not a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that was asked for."""
        try:
            return super().invoke(ctx)
        except CommandError as error:
            raise click.ClickException(str(error)) from error
        except SQLAlchemyError as error:
            raise click.ClickException(in_one_line(error)) from error
        except InvalidToken as error:
            raise click.ClickException(
                "A stored secret can't be read: none of NOTIFYHUB_ENCRYPTION_KEYS fits it."
            ) from error


class Commands(_OneLine, AppGroup):
    """A group of commands whose errors are one line, not a traceback."""


class Command(_OneLine):
    """A command that belongs to no group."""
