"""What is done to all messages of a filter: their number first, then portion after portion."""

from typing import Any

from flask import Blueprint, flash, g, redirect, request, url_for
from flask_babel import gettext as _
from marshmallow import ValidationError
from werkzeug.exceptions import NotFound

from notifyhub.console.blueprint import page
from notifyhub.console.formats import number
from notifyhub.console.message_filters import filter_in_words
from notifyhub.console.message_search import query
from notifyhub.console.rendering import render
from notifyhub.database.connections import persist, transaction
from notifyhub.messages import transitions, views
from notifyhub.messages.pages import listing
from notifyhub.messages.transitions import Change

blueprint = Blueprint("message_changes", __name__, url_prefix="/messages/all")

MAX_COUNTED = 10_000
"""Messages up to which a filter's are counted: of more it is said that they are more."""
PORTION = 1000
"""Messages that are changed in one transaction."""
PORTIONS = 5
"""Transactions of one request."""

CHANGES = {"cancel": transitions.CANCEL, "retry": transitions.RETRY}


@blueprint.route("/<action>", methods=["GET", "POST"])
@page(views.cancel)
def change(action: str) -> Any:
    """Ask whether all messages of the filter in the address are to be cancelled, or sent anew; and do it."""
    if action not in CHANGES:
        raise NotFound
    try:
        done = _change(CHANGES[action]) if request.method == "POST" else 0
        count = listing.count_changeable(CHANGES[action], MAX_COUNTED + 1, test=g.caller.test)
    except ValidationError:
        return redirect(_list())  # which says at its fields what is wrong
    if request.method == "POST":
        flash(_said(action, done, count), "success")
        return redirect(request.full_path.rstrip("?") if count and done else _list())
    return render(
        "messages/change.html", **_question(action, count), count=count, asked=filter_in_words(), back=_list()
    )


def _list() -> str:
    return url_for("console.messages.list_messages") + query(request.args.to_dict())


def _change(change: Change) -> int:
    """Change the newest messages of the filter, each portion in a transaction; return how many."""

    def change_portion() -> tuple[int, int]:
        ids = listing.changeable(change, PORTION, test=g.caller.test)
        if not ids:
            return 0, 0
        with transaction() as connection:
            return len(ids), len(transitions.change_several(connection, change, ids, test=g.caller.test))

    total = 0
    for _portion in range(PORTIONS):
        found, changed = persist(change_portion, views.RETRIED_SECONDS)
        total += changed
        if found < PORTION:
            break
    return total


def _counted(count: int) -> str:
    if count > MAX_COUNTED:
        return str(_("more than %(count)s", count=number(MAX_COUNTED)))
    return number(count)


def _said(action: str, done: int, left: int) -> str:
    if action == "cancel":
        words = _("Cancelled: %(count)s.", count=number(done))
    else:
        words = _("Sent anew: %(count)s.", count=number(done))
    rest = _("Left: %(count)s.", count=_counted(left))
    return f"{words} {rest}" if left else str(words)


def _question(action: str, count: int) -> dict[str, str]:
    words = {
        "cancel": (
            _("Cancel all messages of this filter"),
            _("Messages that can be cancelled: %(count)s.", count=_counted(count)),
            _("Cancel them"),
        ),
        "retry": (
            _("Send all messages of this filter anew"),
            _("Messages that can be sent anew: %(count)s.", count=_counted(count)),
            _("Send them anew"),
        ),
    }
    title, question, label = words[action]
    return {"title": title, "question": question, "label": label, "most": number(PORTION * PORTIONS)}
