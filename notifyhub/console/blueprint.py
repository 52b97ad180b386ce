"""The blueprint that the pages of all subjects belong to, and who each page is for."""

from collections.abc import Callable
from typing import Any

from flask import Blueprint, redirect, url_for

from notifyhub.api.endpoint import Access, Endpoint, View, endpoint

console = Blueprint("console", __name__, url_prefix="/console", template_folder="templates")
root = Blueprint("root", __name__)

SIGNED_IN = Access.ANY_TOKEN


def page(access: View | Access) -> Callable[[View], View]:
    """Return the decorator of a page, which is for those who may do an operation of the API: its view."""
    allowed = access if isinstance(access, Access) else access.declared.access  # type: ignore[attr-defined]
    max_body = None if isinstance(access, Access) else access.declared.max_body  # type: ignore[attr-defined]
    return endpoint(Endpoint(allowed, "", "Console", documented=False, max_body=max_body, for_browsers=True))


@root.get("/")
@endpoint(Endpoint(Access.PUBLIC, "Find the console", "Console", documented=False))
def to_console() -> Any:
    """Lead a browser that was given no path to where it can go on."""
    return redirect(url_for("console.overview.show"))
