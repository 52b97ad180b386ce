"""The broker of the embedded default: kombu's transport of files, made fit for several processes.

kombu 5.7's own writes a file where readers see it half, which ends them, moves it to the system's folder of
temporary files to read it, and lists the folder for every message.
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
    """Keeps every message in a file, `<moment>_<unique>.<queue>.msg`, which is whole when it can be seen."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._listed: dict[str, deque[str]] = {}

    def _put(self, queue: str, payload: Any, **_: Any) -> None:
        file = Path(self.data_folder_out) / f"{time.time_ns()}_{uuid.uuid4()}.{queue}.msg"
        draft = file.with_name(f"{file.name}.draft")
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
        folder, names = Path(self.data_folder_in), self._listed.setdefault(queue, deque())
        if not names:
            found = (file.name for file in folder.iterdir())
            names.extend(sorted(name for name in found if name.partition(".")[2] == f"{queue}.msg"))
        while names:
            file = folder / names.popleft()
            try:
                text = file.read_text()
                file.unlink()
            except FileNotFoundError:
                continue
            try:
                return loads(text)
            except ValueError:  # a power cut can leave an empty file
                log.warning("A call in %s could not be read", file.name)
        raise Empty


class Transport(filesystem.Transport):  # type: ignore[misc]
    """kombu's transport with channels of ours."""

    Channel = Channel
