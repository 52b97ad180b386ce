"""Where instruments keep their values: in memory, or in files that the processes of a machine share.

The latter is prometheus-client's multiprocess mode: each process writes files of its own, named for it, and
whichever is asked adds up those of all. What ended processes have counted is folded into files of nobody, so
that no sum ever falls and no file stays.
"""

import fcntl
import logging
import os
import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from prometheus_client import Metric, values
from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.multiprocess import MultiProcessCollector

from notifyhub import instruments
from notifyhub.instance import InvalidSetting, make_folder

log = logging.getLogger(__name__)

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
"""The library's own variable: the folder of the files."""

_LOCK = "lock"
_ENDED = "ended"
"""What stands for the process in the names of files that belong to nobody any more."""


def share(instance: Path, *, anew: bool = False) -> None:
    """Have this process and those that it forks count together with the others of this machine.

    The folder is the one that VARIABLE names, else one in the instance folder, of this machine alone: several
    may share that. With `anew` nothing is kept of what was counted before, unless by processes that still
    live. To be called before anything is counted.
    """
    try:
        folder = _folder(instance)
        with _locked(folder):
            files = _files(folder)
            if anew and not any(_lives(_process(file)) for file in files):
                for file in files:
                    file.unlink()
    except (InvalidSetting, OSError) as error:
        log.warning("The metrics are those of each process alone: %s", error)
        return
    os.environ[VARIABLE] = str(folder)
    # The library chooses when it is imported, before the folder is known.
    values.ValueClass = values.MultiProcessValue()


def collect() -> Iterable[Metric]:
    """Return what has been counted: by all processes that share it, else by this one."""
    folder = _shared()
    if folder is None:
        return instruments.registry.collect()
    with _locked(folder):
        _fold(folder, [file for file in _files(folder) if not _lives(_process(file))])
        # One that has just been created is empty still.
        files = [str(file) for file in _files(folder) if file.stat().st_size]
        return list(MultiProcessCollector.merge(files, accumulate=True))


def processes() -> list[int]:
    """Return the processes that count together, this one among them."""
    folder = _shared()
    found = {_process(file) for file in _files(folder)} if folder else set()
    return sorted({os.getpid(), *(process for process in found if process and _lives(process))})


def _folder(instance: Path) -> Path:
    if given := os.environ.get(VARIABLE):
        Path(given).mkdir(mode=0o700, parents=True, exist_ok=True)
        return Path(given)
    return make_folder(make_folder(instance, "metrics"), socket.gethostname() or "localhost")


def _shared() -> Path | None:
    is_shared = getattr(values.ValueClass, "_multiprocess", False)
    return Path(os.environ[VARIABLE]) if is_shared else None


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Keep other processes from reading while files are folded, and from folding."""
    with (folder / _LOCK).open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.db"))


def _process(file: Path) -> int:
    """Return the process that a file is of; 0 if it is of nobody."""
    of = file.stem.rpartition("_")[2]
    return int(of) if of.isdecimal() else 0


def _lives(process: int) -> bool:
    if not process:
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _fold(folder: Path, files: Iterable[Path]) -> None:
    """Add what ended processes have counted to what is kept of those before them."""
    for file in files:
        if not _process(file):
            continue
        kept = MmapedDict(str(folder / f"{file.stem.rpartition('_')[0]}_{_ENDED}.db"))
        try:
            if file.stat().st_size:
                for key, value, *_ in MmapedDict.read_all_values_from_file(str(file)):
                    kept.write_value(key, kept.read_value(key)[0] + value, 0.0)
        finally:
            kept.close()
        file.unlink()
