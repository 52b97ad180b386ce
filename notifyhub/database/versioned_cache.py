"""What a worker remembers of rows that seldom change."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

from flask import current_app

T = TypeVar("T")

MOST = 1024


def load_versioned(kind: str, id: int, version: datetime | None, load: Callable[[], T | None]) -> T | None:
    """Return what `load` makes of a row, the one of an earlier time as long as the row's version is the same.

    `version` says when the row last changed; None, that it is gone.
    """
    if version is None:
        return None
    kept: dict[tuple[str, int], tuple[datetime, Any]] = current_app.extensions.setdefault("delivery", {})
    known = kept.get((kind, id))
    if known and known[0] == version:
        return known[1]  # type: ignore[no-any-return]
    found = load()
    if found is not None:
        if len(kept) >= MOST:
            kept.clear()
        kept[kind, id] = (version, found)
    return found
