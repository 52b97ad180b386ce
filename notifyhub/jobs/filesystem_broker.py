"""The broker of the embedded default: kombu's transport of files, made fit for several processes.

kombu 5.7's own writes a file where readers see it half, which ends them, moves it to the system's folder of
temporary files to read it, and lists all queues' files for every message.
"""

import logging
import time
import uuid
from collections import deque
from pathlib import Path
from queue import Empty
from typing import Any

from kombu.transport import TRANSPORT_ALIASES, filesystem
from kombu.utils.json import dumps, loads

URL = "folder://localhost"
TRANSPORT_ALIASES["folder"] = f"{__name__}:Transport"

log = logging.getLogger(__name__)


class Channel(filesystem.Channel):  # type: ignore[misc]
    """Keeps every message in a file of its queue's folder, which is whole when it can be seen."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._listed: dict[str, deque[Path]] = {}
        self._made: set[str] = set()

    def _put(self, queue: str, payload: Any, **_: Any) -> None:
        file = self._folder(queue) / f"{time.time_ns()}_{uuid.uuid4()}.msg"
        draft = file.with_suffix(".draft")
        try:
            draft.write_text(dumps(payload))
            draft.rename(file)
        except OSError:
            draft.unlink(missing_ok=True)
            raise

    def _get(self, queue: str) -> Any:
        """Return the oldest message; raises Empty.

        Of several readers the one that removes the file has it.
        """
        files = self._listed.setdefault(queue, deque())
        if not files:
            files.extend(sorted(self._files(queue)))
        while files:
            file = files.popleft()
            try:
                text = file.read_text()
                file.unlink()
            except FileNotFoundError:
                continue
            try:
                return loads(text)
            except ValueError:  # a power cut can leave an empty file
                log.warning("A job in %s could not be read", file.name)
        raise Empty

    def _size(self, queue: str) -> int:
        return len(self._files(queue))

    def _purge(self, queue: str) -> int:
        files = self._files(queue)
        for file in files:
            file.unlink(missing_ok=True)
        return len(files)

    def _files(self, queue: str) -> list[Path]:
        return [file for file in self._folder(queue).iterdir() if file.suffix == ".msg"]

    def _folder(self, queue: str) -> Path:
        folder = Path(self.data_folder_in) / queue
        if queue not in self._made:
            folder.mkdir(mode=0o700, exist_ok=True)
            self._made.add(queue)
        return folder


class Transport(filesystem.Transport):  # type: ignore[misc]
    """kombu's transport with channels of ours."""

    Channel = Channel
