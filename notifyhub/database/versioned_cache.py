"""A cache of what is computed from rows that seldom change: each entry is for one version of its row."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

from flask import Flask, current_app

T = TypeVar("T")

MAX_ENTRIES = 1024


def init_app(app: Flask) -> None:
    """Give the application its cache: the version and the value of each row, by kind and id."""
    app.extensions["versioned_cache"] = {}


def load_versioned(kind: str, id: int, version: datetime | None, load: Callable[[], T | None]) -> T | None:
    """Return what `load` makes of a row; it is called again only when the row's version is another.

    `version` says when the row last changed; None, that it is gone.
    """
    if version is None:
        return None
    entries: dict[tuple[str, int], tuple[datetime, Any]] = current_app.extensions["versioned_cache"]
    cached_version, cached = entries.get((kind, id), (None, None))
    if cached_version == version:
        return cached
    loaded = load()
    if loaded is not None:
        if len(entries) >= MAX_ENTRIES:
            entries.clear()
        entries[kind, id] = (version, loaded)
    return loaded
