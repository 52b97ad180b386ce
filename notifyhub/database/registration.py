"""What the database adds to an application."""

from pathlib import Path

from flask import Flask

from notifyhub.database import connections, rotation, versioned_cache
from notifyhub.database.outages import OutageLog
from notifyhub.extensions import db, migrate

MIGRATIONS = Path(__file__).parents[2] / "migrations"


def init_app(app: Flask) -> None:
    """Bind the database: its connections, migrations, cache, log of outages, and commands about its keys."""
    connections.init_app(app)
    migrate.init_app(app, db, directory=str(MIGRATIONS))
    versioned_cache.init_app(app)
    app.extensions["outage_log"] = OutageLog()
    app.cli.add_command(rotation.keys)
