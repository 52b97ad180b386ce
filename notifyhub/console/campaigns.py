"""Campaigns that are sent: a list of them, how far each has come, its report; cancelling and retrying."""

from collections.abc import Iterator
from typing import Any

from flask import Response, g, redirect, url_for
from flask_babel import gettext as _
from persiantools.jdatetime import JalaliDateTime
from werkzeug.exceptions import NotFound

from notifyhub.api.endpoint import View
from notifyhub.api.resource import or_404
from notifyhub.campaigns import progress, reports, sending, storage
from notifyhub.campaigns.models import CampaignStatus
from notifyhub.console import (
    campaign_batches,  # noqa: F401 - its pages belong to the same blueprint
    statuses,
)
from notifyhub.console.batch_changes import confirm_cancel, confirm_retry
from notifyhub.console.batch_progress import progress_of
from notifyhub.console.blueprint import page
from notifyhub.console.campaign_drafts import blueprint, download
from notifyhub.console.formats import Moment, is_persian, parse, sentence
from notifyhub.console.operations import call, may
from notifyhub.console.preferences import timezone
from notifyhub.console.rendering import render
from notifyhub.database.connections import autocommit
from notifyhub.messages import batches
from notifyhub.messages.models import ERASED
from notifyhub.messages.views import cancel_batch, list_batches, retry_batch, send_many

__all__ = ["blueprint"]


@blueprint.get("")
@page(list_batches)
def list_campaigns() -> str:
    """Give a page of the list."""
    found = progress.listing.page()
    for campaign in found["results"]:
        campaign["progress"] = progress_of(campaign["statuses"], campaign["count"] or 0)
    return render("campaigns/campaigns.html", page=found)


@blueprint.get("/<id:id>")
@page(list_batches)
def show(id: int) -> Any:
    """Show how far a campaign has come."""
    row = or_404(storage.read(autocommit(), id))
    if row.status == CampaignStatus.DRAFT:
        if may(send_many):
            return redirect(url_for(".message", id=id))
        raise NotFound
    found = batches.read_all(storage.batch_ids(autocommit(), [id])[id])
    shown = progress_of(progress.statuses(found), row.count)
    return render("campaigns/campaign.html", campaign=row, batches=found, progress=shown)


@blueprint.route("/<id:id>/cancel", methods=["GET", "POST"])
@page(cancel_batch)
def cancel(id: int) -> Any:
    """Take back what has not been begun to be sent; no further batch follows."""
    row = _sent(id)

    def act() -> int:
        sending.stop(id)
        return _change_batches(id, cancel_batch)

    title = sentence(_("Cancel the campaign %(name)s"), name=row.name)
    return confirm_cancel(act, title, url_for(".show", id=id))


@blueprint.route("/<id:id>/retry", methods=["GET", "POST"])
@page(retry_batch)
def retry(id: int) -> Any:
    """Send those messages anew that have failed."""
    title = sentence(_("Retry the campaign %(name)s"), name=_sent(id).name)
    return confirm_retry(lambda: _change_batches(id, retry_batch), title, url_for(".show", id=id))


def _sent(id: int) -> Any:
    row = or_404(storage.read(autocommit(), id))
    if row.status == CampaignStatus.DRAFT or (g.caller.test and not row.is_test):
        raise NotFound
    return row


def _change_batches(id: int, operation: View) -> int:
    """Have an operation of the API change all batches of a campaign; return how many messages it changed."""
    ids = storage.batch_ids(autocommit(), [id])[id]
    return sum(call(operation, id=batch_id)["changed"] for batch_id in ids)


@blueprint.get("/<id:id>/report")
@page(list_batches)
def report(id: int) -> Response:
    """Give what became of each row, as a file."""
    or_404(storage.read(autocommit(), id))
    ids = storage.batch_ids(autocommit(), [id])[id]
    return download(reports.lines(_report(ids)), f"campaign-{id}-report.csv")


def _report(batch_ids: list[int]) -> Iterator[list[str]]:
    yield [
        *(_("Row"), _("Recipient"), _("Status"), _("Sent at"), _("Delivered at"), _("Segments")),
        *(_("Error"), _("Code of the error"), _("Message")),
    ]
    for row_number, row in reports.messages_of(batch_ids):
        yield [
            str(row_number or ""),
            _("erased") if row.recipient == ERASED else row.recipient,
            str(statuses.MESSAGES[row.status].words),
            _written(row.sent_at),
            _written(row.delivered_at),
            str(row.segments or ""),
            row.error_detail or "",
            row.error_code or "",
            str(row.id),
        ]


def _written(moment: Moment) -> str:
    """Return a moment in the chosen time zone, as spreadsheets sort it: Jalali in Persian."""
    if moment is None:
        return ""
    local = parse(moment).astimezone(timezone())
    if is_persian():
        return str(JalaliDateTime.to_jalali(local).strftime("%Y/%m/%d %H:%M:%S"))
    return local.strftime("%Y-%m-%d %H:%M:%S")
