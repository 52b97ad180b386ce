"""Batches, those of the API's clients among them: a list, and how far each has come."""

from typing import Any

from flask import url_for
from flask_babel import gettext as _

from notifyhub.campaigns import storage
from notifyhub.console.batch_changes import confirm_cancel, confirm_retry
from notifyhub.console.batch_progress import progress_of
from notifyhub.console.blueprint import page
from notifyhub.console.campaign_drafts import blueprint
from notifyhub.console.formats import code, sentence
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
    title = sentence(_("Cancel batch %(id)s"), id=code(id))
    return confirm_cancel(lambda: call(cancel_batch, id=id)["changed"], title, url_for(".batch", id=id))


@blueprint.route("/batches/<id:id>/retry", methods=["GET", "POST"])
@page(retry_batch)
def retry_one(id: int) -> Any:
    """Send those messages of a batch anew that have failed."""
    title = sentence(_("Retry batch %(id)s"), id=code(id))
    return confirm_retry(lambda: call(retry_batch, id=id)["changed"], title, url_for(".batch", id=id))
