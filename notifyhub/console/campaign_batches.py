"""Batches, those of the API's clients among them: a list, and how far each has come."""

from typing import Any

from flask import flash, redirect, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext

from notifyhub.campaigns import storage
from notifyhub.console.batch_progress import progress_of
from notifyhub.console.blueprint import page
from notifyhub.console.campaign_drafts import blueprint
from notifyhub.console.formats import code, number, sentence
from notifyhub.console.operations import call, list_page
from notifyhub.console.rendering import render
from notifyhub.database.connections import autocommit
from notifyhub.messages.views import cancel_batch, list_batches, retry_batch, show_batch


@blueprint.get("/batches")
@page(list_batches)
def batches() -> str:
    """Give a page of the list."""
    found, wrong = list_page(list_batches)
    for batch in found["results"]:
        batch["progress"] = progress_of(batch["statuses"], batch["count"])
    named = storage.names_of_batches(autocommit(), [batch["id"] for batch in found["results"]])
    return render("campaigns/batches.html", page=found, wrong=wrong, campaigns=named)


@blueprint.get("/batches/<id:id>")
@page(show_batch)
def batch(id: int) -> str:
    """Show how far a batch has come."""
    found = call(show_batch, id=id)
    named = storage.names_of_batches(autocommit(), [id])
    shown = progress_of(found["statuses"], found["count"])
    return render("campaigns/batch.html", batch=found, campaign=named.get(id), progress=shown)


@blueprint.route("/batches/<id:id>/cancel", methods=["GET", "POST"])
@page(cancel_batch)
def cancel_one(id: int) -> Any:
    """Take back those messages of a batch that nobody has begun to send."""
    if request.method == "POST":
        changed = call(cancel_batch, id=id)["changed"]
        words = ngettext(
            "%(count)s message was cancelled.",
            "%(count)s messages were cancelled.",
            changed,
            count=number(changed),
        )
        flash(words, "success")
        return redirect(url_for(".batch", id=id))
    return render(
        "confirm.html",
        title=sentence(_("Cancel batch %(id)s"), id=code(id)),
        question=_("Do you want to cancel all of its messages that nobody has begun to send?"),
        lines=[_("Messages that a provider has taken can't be taken back.")],
        action=_("Cancel what waits"),
        back=url_for(".batch", id=id),
    )


@blueprint.route("/batches/<id:id>/retry", methods=["GET", "POST"])
@page(retry_batch)
def retry_one(id: int) -> Any:
    """Send those messages of a batch anew that have failed."""
    if request.method == "POST":
        changed = call(retry_batch, id=id)["changed"]
        words = ngettext(
            "%(count)s message is sent anew.",
            "%(count)s messages are sent anew.",
            changed,
            count=number(changed),
        )
        flash(words, "success")
        return redirect(url_for(".batch", id=id))
    return render(
        "confirm.html",
        title=sentence(_("Retry batch %(id)s"), id=code(id)),
        question=_("Do you want to send those messages anew that failed, expired or did not arrive?"),
        lines=[],
        action=_("Retry what failed"),
        back=url_for(".batch", id=id),
    )
