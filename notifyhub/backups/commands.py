"""The commands that make backups and bring them back."""

import os
import shutil
import sqlite3
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

import click
from alembic.util import CommandError as MigrationError
from flask import Flask, current_app
from flask.cli import with_appcontext
from sqlalchemy import text

from notifyhub import config
from notifyhub.app import create_app
from notifyhub.backups import archive, embedded
from notifyhub.backups.archive import Description
from notifyhub.config import Installation
from notifyhub.database.commands import CommandError
from notifyhub.database.connection_checks import check_keys
from notifyhub.database.migrations import upgrade_quietly
from notifyhub.extensions import db
from notifyhub.instance import PREFIX, InvalidSetting
from notifyhub.providers import registry

_DUMP = 'pg_dump -Fc -f copy.dump "$NOTIFYHUB_DATABASE_URL"'
_UNDUMP = 'pg_restore --clean --if-exists --single-transaction -d "$NOTIFYHUB_DATABASE_URL" copy.dump'

_path = click.Path(dir_okay=False, path_type=Path)


@click.command()
@click.argument("file", type=_path)
@with_appcontext
def backup(file: Path) -> None:
    """Write the embedded database and the keys into FILE, while the service runs.

    With PostgreSQL FILE holds the keys alone, and the words for pg_dump are printed.
    """
    keys = {
        "SECRET_KEY": current_app.config["SECRET_KEY"],
        "ENCRYPTION_KEYS": ",".join(current_app.config["ENCRYPTION_KEYS"]),
    }
    url = db.engine.url
    description = Description(
        version("notifyhub"), datetime.now(UTC).isoformat(), _revision(), url.get_backend_name()
    )
    try:
        if url.get_backend_name() != "sqlite":
            archive.write(file, description, keys, None)
        else:
            with TemporaryDirectory(dir=file.absolute().parent, prefix=".backup-") as folder:
                copied = Path(folder) / archive.DATABASE
                embedded.copy(Path(str(url.database)), copied)
                archive.write(file, description, keys, copied)
    except (OSError, sqlite3.Error) as error:
        raise CommandError(f"No backup was made: {_words(error)}") from error
    if url.get_backend_name() == "sqlite":
        click.echo(f"{file}: the database and its keys, {_size(file)}. Keep it as you keep passwords.")
    else:
        click.echo(f"{file}: the keys alone. The database, at the same time: {_DUMP}")


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def restore(file: Path) -> None:
    """Bring back what `backup` has written into FILE, while the service runs or not.

    What was there is kept beside it. A backup of an earlier version is upgraded.
    """
    try:
        installation = config.installation(os.environ, registry.URL_VARIABLES.values())
    except InvalidSetting as error:
        raise CommandError(str(error)) from None
    folder = installation.folder if installation.database is None else installation.database.parent
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        with TemporaryDirectory(dir=folder, prefix=".restore-") as drafts:
            description, keys, database = archive.read(file, Path(drafts))
            _check_databases(description, installation)
            app = _application({**keys, **installation.keys}, database)
            if database:
                _upgrade(app, database)
            _restore(installation, keys, database)
    except MigrationError as error:
        raise CommandError(f"{file} was not restored: it is of a later version ({error}).") from error
    except (OSError, sqlite3.Error) as error:
        raise CommandError(f"{file} was not restored: {_words(error)}") from error
    # No type and no action of the audit's is about the whole of it, so the log alone tells.
    app.logger.info(
        "Restored from %s what version %s had on %s", file.name, description.version, description.created_at
    )
    click.echo(f"Restored what version {description.version} had on {description.created_at}.")
    if installation.database is None:
        click.echo(f"The database, if that is to be restored too: {_UNDUMP}")


def _check_databases(description: Description, installation: Installation) -> None:
    names = {"sqlite": "a SQLite database", "postgresql": "the keys of a PostgreSQL installation"}
    held = "postgresql" if installation.database is None else "sqlite"
    if description.database != held:
        raise CommandError(
            f"The backup holds {names.get(description.database, 'something else')}; "
            f"{PREFIX}DATABASE_URL names another kind of database."
        )


def _application(keys: Mapping[str, str], database: Path | None) -> Flask:
    """Return the application with these keys; on a copy of the database, if there is one."""
    variables = {name: value for name, value in os.environ.items() if name.startswith(PREFIX)}
    variables |= {f"{PREFIX}{name}": value for name, value in keys.items()}
    if database:
        variables[f"{PREFIX}INSTANCE"] = str(database.parent / "instance")
        variables[f"{PREFIX}DATABASE_URL"] = f"sqlite:///{database}"
    return create_app(variables)


def _upgrade(app: Flask, database: Path) -> None:
    """Check a copy of the database, and run the migrations that it lacks."""
    embedded.check(database)
    check_keys(app)
    with app.app_context():
        upgrade_quietly()
        db.engine.dispose()  # which leaves all in one file


def _restore(installation: Installation, keys: Mapping[str, str], database: Path | None) -> None:
    moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    if database and installation.database:
        kept = installation.database.with_name(f"{installation.database.name}.before-{moment}")
        if not embedded.replace(installation.database, database, kept):
            click.echo("The database that was there could not be read.", err=True)
        if kept.exists():
            click.echo(f"What was there is kept: {kept}", err=True)
    changed = [name for name, text in keys.items() if _put_key(installation, name, text, moment)]
    if changed:
        click.echo("The keys are others: restart the service, if it runs.", err=True)


def _put_key(installation: Installation, name: str, text: str, moment: str) -> bool:
    """Put a key into the instance folder, and return whether it was another one, or is new there."""
    if name in installation.keys:
        if installation.keys[name] != text:
            words = f"{PREFIX}{name} is not what it was then: tar -xOf FILE {archive.KEYS[name]} shows that."
            click.echo(words, err=True)
        return False
    place = installation.folder / archive.KEYS[name]
    if place.exists() and place.read_text().strip() == text:
        return False
    installation.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if place.exists():
        shutil.copy2(place, place.with_name(f"{place.name}.before-{moment}"))
    draft = place.with_name(f"{place.name}.{moment}")
    draft.touch(mode=0o600)
    draft.write_text(text)
    draft.replace(place)
    return True


def _revision() -> str | None:
    with db.engine.connect() as connection:
        found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
        return found


def _size(file: Path) -> str:
    size = file.stat().st_size
    return f"{size / 1_000_000:.1f} MB" if size >= 100_000 else f"{size / 1000:.0f} kB"


def _words(error: Exception) -> str:
    if isinstance(error, FileExistsError):
        return f"{error.filename} is there already."
    if isinstance(error, OSError):
        return f"{error.strerror}: {error.filename}."
    return f"{error}."
