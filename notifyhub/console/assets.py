"""Style sheet, scripts, pictures: kept by browsers, under another address as soon as one changes."""

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

from flask import Blueprint, send_from_directory, url_for

from notifyhub.api.endpoint import Access
from notifyhub.console.blueprint import page

FOLDER = Path(__file__).parent / "static"
KEPT_SECONDS = 31_536_000

blueprint = Blueprint("assets", __name__, url_prefix="/assets")


@cache
def _version(name: str) -> str:
    return hashlib.sha256((FOLDER / name).read_bytes()).hexdigest()[:12]


def url(name: str) -> str:
    """Return the address of an asset."""
    return url_for("console.assets.show", version=_version(name), name=name)


@blueprint.get("/<version>/<name>")
@page(Access.PUBLIC)
def show(version: str, name: str) -> Any:  # noqa: ARG001 - the address changes with it
    """Give an asset."""
    response = send_from_directory(FOLDER, name, max_age=KEPT_SECONDS)
    response.headers["Cache-Control"] = f"public, max-age={KEPT_SECONDS}, immutable"
    return response
