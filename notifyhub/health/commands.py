"""The command that tells how the service does."""

import sys

import click
from flask.cli import with_appcontext
from sqlalchemy.exc import SQLAlchemyError

from notifyhub.database.connections import autocommit
from notifyhub.database.outages import in_one_line
from notifyhub.health import report, words
from notifyhub.health.schemas import STATUSES


@click.command()
@with_appcontext
def status() -> None:
    """Tell how the service does, from its database; exit with 0 if it is ok, 1 if degraded, 2 if down."""
    try:
        found = report.read(autocommit())
    except SQLAlchemyError as error:
        click.echo(f"NotifyHub is down.\n  {in_one_line(error)}")
        sys.exit(STATUSES.index("down"))
    for line in words.lines(found):
        click.echo("".join(c if c.isprintable() else repr(c)[1:-1] for c in line))
    sys.exit(STATUSES.index(found["status"]))
