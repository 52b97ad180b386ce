"""Runs the migrations on the application's database: in one transaction, by one process at a time."""

from alembic import context
from flask import current_app

from notifyhub.database.connections import MIGRATING, hold
from notifyhub.extensions import db

with db.engine.connect() as connection:
    context.configure(
        connection=connection,
        target_metadata=db.metadata,
        # SQLite can do it. Alembic doubts that because of Python's implicit commits, which we have none of.
        transactional_ddl=True,
        **current_app.extensions["migrate"].configure_args,
    )
    with context.begin_transaction():
        hold(connection, MIGRATING)
        context.run_migrations()
