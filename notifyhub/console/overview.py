"""The first page: what one asks in the morning."""

from flask import Blueprint

from notifyhub.console.blueprint import SIGNED_IN, page
from notifyhub.console.rendering import render

blueprint = Blueprint("overview", __name__)


@blueprint.get("")
@page(SIGNED_IN)
def show() -> str:
    """Give the page."""
    return render("overview/overview.html")
