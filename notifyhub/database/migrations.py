"""Running the migrations from within a program."""

from alembic import command
from flask import current_app


def upgrade_quietly() -> None:
    """Run the migrations that the database lacks, and print nothing. Raises alembic's CommandError."""
    config = current_app.extensions["migrate"].migrate.get_config()
    config.attributes["silent"] = True
    command.upgrade(config, "head")
