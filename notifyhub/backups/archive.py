"""The file of a backup: a tar archive of the database, where it is embedded, and the keys.

It can be read without this program: `tar -xf FILE` gives a SQLite database, and a file for each key.
"""

import json
import os
import tarfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path

from notifyhub.database.commands import CommandError

DATABASE, DESCRIPTION = "notifyhub.db", "backup.json"
KEYS = {"SECRET_KEY": "secret_key", "ENCRYPTION_KEYS": "encryption_keys"}
"""The files of the keys, as in the instance folder, by the settings that hold them."""

_MAX_SMALL_BYTES = 1024 * 1024
_COMPRESSION = 1  # a level: higher ones take many times as long and save a few per cent


@dataclass(frozen=True)
class Description:
    """What a backup says of itself: version, moment (ISO 8601), last migration, kind of database."""

    version: str
    created_at: str
    revision: str | None
    database: str


class InvalidBackup(CommandError):
    """A file is no backup, or can't be read."""


def write(file: Path, description: Description, keys: Mapping[str, str], database: Path | None) -> None:
    """Write a backup, readable by its owner alone, whole or not at all; `keys` are those of KEYS.

    Raises FileExistsError if there is such a file, which may be a backup as well, OSError if it can't be
    written.
    """
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            with tarfile.open(fileobj=stream, mode="w:gz", compresslevel=_COMPRESSION) as archive:
                _add(archive, DESCRIPTION, json.dumps(asdict(description), indent=1).encode())
                for name, text in keys.items():
                    _add(archive, KEYS[name], text.encode())
                if database:
                    archive.add(database, DATABASE, filter=_private)
            stream.flush()
            os.fsync(stream.fileno())
    except BaseException:
        with suppress(FileNotFoundError):
            file.unlink()
        raise


def read(file: Path, folder: Path) -> tuple[Description, dict[str, str], Path | None]:
    """Return what a backup holds; its database is put into a folder, readable by its owner alone.

    Raises InvalidBackup, OSError.
    """
    try:
        with tarfile.open(file) as archive:
            description = Description(**json.loads(_content(archive, DESCRIPTION) or b""))
            found = {name: _content(archive, member) for name, member in KEYS.items()}
            keys = {name: content.decode().strip() for name, content in found.items() if content}
            database = _extract(archive, folder) if DATABASE in archive.getnames() else None
    except (tarfile.TarError, EOFError, ValueError, TypeError) as error:
        raise InvalidBackup(f"{file} is not a whole backup of NotifyHub.") from error
    return description, keys, database


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(content), 0o600
    archive.addfile(member, BytesIO(content))


def _private(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.mode, member.uid, member.gid, member.uname, member.gname = 0o600, 0, 0, "", ""
    return member


def _content(archive: tarfile.TarFile, name: str) -> bytes | None:
    """Return a small file of an archive; None if there is none of this name."""
    try:
        stream = archive.extractfile(name)
    except KeyError:
        return None
    return stream.read(_MAX_SMALL_BYTES) if stream else None


def _extract(archive: tarfile.TarFile, folder: Path) -> Path:
    stream, place = archive.extractfile(DATABASE), folder / DATABASE
    if stream is None:
        raise ValueError("The database is not a file.")
    descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as target:
        while block := stream.read(_MAX_SMALL_BYTES):
            target.write(block)
    return place
