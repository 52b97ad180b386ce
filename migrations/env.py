"""Runs the migrations on the application's database: in one transaction, by one process at a time.

What it has run it prints, unless the command's attribute `silent` is set.
"""

from typing import Any

import click
from alembic import context
from alembic.util import CommandError
from flask import current_app
from sqlalchemy.exc import OperationalError

from notifyhub.database import migrations, timeouts
from notifyhub.database.locks import MIGRATION, acquire
from notifyhub.database.outages import in_one_line
from notifyhub.extensions import db

steps: list[Any] = []


def _report() -> None:
    for step in steps:
        words = "Migration {} was run" if step.is_upgrade else "Migration {} was taken back"
        click.echo(f"{words.format(step.up_revision_id)}: {step.up_revision.doc}")
    if not steps and "destination_rev" in context.get_context().opts:
        click.echo("There was no migration to run.")


try:
    connection = db.engine.connect()
except OperationalError as error:
    raise CommandError(in_one_line(error)) from error


def _migrate() -> None:
    steps.clear()
    context.configure(
        connection=connection,
        target_metadata=db.metadata,
        # SQLite can do it. Alembic doubts that because of Python's implicit commits, which we have none of.
        transactional_ddl=True,
        on_version_apply=lambda *, step, **_: steps.extend([step] if step.is_migration else []),
        **current_app.extensions["migrate"].configure_args,
    )
    with context.begin_transaction():
        timeouts.lift(connection)  # another process's migrations may take long
        acquire(connection, MIGRATION)
        timeouts.lift(connection, lock_seconds=migrations.LOCK_SECONDS)
        context.run_migrations()


with connection:
    migrations.until_locked(_migrate)

if not context.config.attributes.get("silent"):
    _report()
