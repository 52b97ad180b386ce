"""Runs the migrations on the application's database: in one transaction, by one process at a time."""

from alembic import context
from alembic.util import CommandError
from flask import current_app
from sqlalchemy.exc import OperationalError

from notifyhub.database.locks import MIGRATION, acquire
from notifyhub.database.outages import in_one_line
from notifyhub.extensions import db

try:
    connection = db.engine.connect()
except OperationalError as error:
    raise CommandError(in_one_line(error)) from error

with connection:
    context.configure(
        connection=connection,
        target_metadata=db.metadata,
        # SQLite can do it. Alembic doubts that because of Python's implicit commits, which we have none of.
        transactional_ddl=True,
        **current_app.extensions["migrate"].configure_args,
    )
    with context.begin_transaction():
        acquire(connection, MIGRATION)
        context.run_migrations()
