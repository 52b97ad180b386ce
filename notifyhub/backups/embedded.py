"""Copies of SQLite's database, from and into a file that others read and write meanwhile.

SQLite's online backup (sqlite.org/backup.html) copies what was committed when it began; into a file, it
writes all of it in one transaction. Who has the file open goes on with the new content.
"""

import sqlite3
from contextlib import closing
from pathlib import Path

from notifyhub.database.writer_lock import FairConnection

_SIDE_FILES = ("-wal", "-shm", "-journal")


def copy(source: Path, target: Path) -> None:
    """Copy a database into a new file, readable by its owner alone. Raises sqlite3.Error."""
    target.touch(mode=0o600, exist_ok=False)
    with closing(_open(source)) as read, closing(sqlite3.connect(target)) as written:
        read.backup(written)


def check(file: Path) -> None:
    """Raise sqlite3.Error if a file is not a sound database."""
    with closing(_open(file)) as connection:
        (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if found != "ok":
        raise sqlite3.DatabaseError(found)


def replace(file: Path, by: Path, kept: Path) -> bool:
    """Give a database the content of another one; what it was is kept as a file.

    Return whether it was readable: what was not is moved away, with what SQLite keeps beside it. A file
    that is not there, or empty, is made, and nothing kept.
    """
    if not file.exists() or not file.stat().st_size:
        by.replace(file)
        return True
    try:
        copy(file, kept)
        check(kept)
        _overwrite(file, by)
    except sqlite3.OperationalError:  # such as one that is locked: it is as it was
        raise
    except sqlite3.DatabaseError:
        kept.unlink(missing_ok=True)
        _move(file, kept)
        by.replace(file)
        return False
    return True


def _overwrite(file: Path, by: Path) -> None:
    with closing(_open(by)) as read, closing(FairConnection(str(file), timeout=30)) as written:
        written.acquire_writer_lock()
        read.backup(written)
        written.commit()


def _move(file: Path, kept: Path) -> None:
    file.rename(kept)
    for suffix in _SIDE_FILES:
        beside = file.with_name(f"{file.name}{suffix}")
        if beside.exists():
            beside.rename(kept.with_name(f"{kept.name}{suffix}"))


def _open(file: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{file.absolute().as_uri()}?mode=rw", uri=True, timeout=30)
