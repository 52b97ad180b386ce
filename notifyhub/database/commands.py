"""What all commands share: their errors are one line for an operator."""

import re
from typing import Any

import click
from cryptography.fernet import InvalidToken
from flask.cli import AppGroup
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError

_SQLITE_LACKS = re.compile(r"no such (table|column)|table \w+ has no column")


class CommandError(Exception):
    """A command can't do what it was asked for; the text says why, in one line, in words for an operator."""


class Commands(AppGroup):
    """A group of commands whose errors are one line, not a traceback."""

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


def in_one_line(error: SQLAlchemyError) -> str:
    """Return what the database says, without the statement, its values or the database's password."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    first, *_ = str(cause).strip().splitlines() or [type(error).__name__]
    if _lacks_tables(error):
        return f"The database is not migrated, see `flask db upgrade`: {first}"
    if isinstance(error, OperationalError):
        return f"The database does not answer: {first}"
    return f"The database refuses: {first}"


def _lacks_tables(error: SQLAlchemyError) -> bool:
    """Tell whether a table or column is missing (on PostgreSQL by its SQLSTATE, appendix A of its manual)."""
    cause = error.orig if isinstance(error, DBAPIError) else None
    return getattr(cause, "sqlstate", None) in {"42P01", "42703"} or bool(_SQLITE_LACKS.match(str(cause)))
