"""The instance folder: the embedded default's database, keys and queue, readable by their owner alone."""

import errno
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.engine import make_url

PREFIX = "NOTIFYHUB_"


class InvalidSetting(Exception):
    """A variable of the environment has a value that can't be used.

    Its text is one line that names the variable and what it must be; never the value, which may be a secret.
    """


def make_folder(instance: Path, name: str) -> Path:
    """Return a folder in the instance folder; create it, for its owner alone, if it is not there.

    Raises InvalidSetting if it can't be made, or not be written to.
    """
    folder = instance / name
    with _blame("INSTANCE"):
        instance.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        _check_writable(folder)
    return folder


def sqlite_file(instance: Path, url: str, keys: tuple[str, ...]) -> str:
    """Create a SQLite database's file if it is not there; return its URL with the full path.

    The path may be relative to the instance folder. SQLite would create the file readable by everybody. It is
    created before the keys, so that the next start takes up what an interrupted first one has left. `keys`
    names those that the folder keeps.

    Raises InvalidSetting if the keys are there and their database is not, or the other way round.
    """
    parsed = make_url(url)
    file = instance / str(parsed.database)
    inside = file.is_relative_to(instance)
    variable = "INSTANCE" if inside else "DATABASE_URL"
    with _blame(variable):
        if inside:
            instance.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Before the database is looked for: another process that starts makes it before the keys.
        left = _remains(file, [instance / key.lower() for key in keys] if inside else [])
        if not file.exists():
            if left:
                raise InvalidSetting(_missing_database(variable, file, left))
            file.touch(mode=0o600)
        for place in (file, file.parent):
            _check_writable(place)
        if file.stat().st_size:
            for key in keys:
                if not (instance / key.lower()).exists():
                    raise InvalidSetting(_missing_key(key, instance / key.lower(), file))
    return parsed.set(database=str(file)).render_as_string(hide_password=False)


def _remains(file: Path, keys: list[Path]) -> list[Path]:
    """Return the files that prove that there was a database: all its keys, or the file of its lock."""
    left = [key for key in keys if key.exists()]
    lock = file.with_name(f"{file.name}.turn")  # see database/writer_lock.py
    if lock.exists():
        return [*left, lock]
    return left if left == keys else []


def read_or_create(instance: Path, name: str, make: Callable[[], str]) -> tuple[Path, str]:
    """Return the file of a secret in the instance folder, and the secret; generate it if it is not there.

    A finished file is linked into place, so that of two processes that start together one wins and both read
    the same.
    """
    file = instance / name.lower()
    with _blame("INSTANCE"):
        if not file.exists():
            instance.mkdir(mode=0o700, parents=True, exist_ok=True)
            draft = file.with_name(f"{file.name}.{secrets.token_hex(8)}")
            draft.touch(mode=0o600)
            try:
                _write(draft, make())
                file.hardlink_to(draft)
            except FileExistsError:
                pass
            finally:
                draft.unlink()
        return file, file.read_bytes().decode(errors="replace").strip()


def _missing_database(variable: str, file: Path, left: list[Path]) -> str:
    names = ", ".join(str(path) for path in left)
    return (
        f"{PREFIX}{variable} must name the place of a whole installation: {file} is missing, to which "
        f"{names} belonged. Restore it from a backup; or, for a new installation, remove those."
    )


def _missing_key(key: str, path: Path, file: Path) -> str:
    return (
        f"{PREFIX}{key} must be given, or {path} restored from a backup: {file} is there, and its secrets "
        "can't be read under another key."
    )


def _write(file: Path, text: str) -> None:
    """Write a file through to the disk: a power cut must not take the key from what is encrypted under it."""
    with file.open("w") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())


def _check_writable(path: Path) -> None:
    """Raise PermissionError or OSError, as writing would, for a place that can only be read."""
    if not os.access(path, os.W_OK):
        error = errno.EROFS if os.statvfs(path).f_flag & os.ST_RDONLY else errno.EACCES
        raise OSError(error, os.strerror(error), str(path))


@contextmanager
def _blame(name: str) -> Iterator[None]:
    """Raise InvalidSetting, which names the variable, where a place that it gives can't be used."""
    try:
        yield
    except OSError as error:
        words = f"must name a place that can be read and written: {error.strerror}: {error.filename}"
        raise InvalidSetting(f"{PREFIX}{name} {words}") from None
