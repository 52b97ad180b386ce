"""A campaign before it is sent: its file, its message, its columns, and the check of all rows."""

from dataclasses import asdict, replace
from typing import Any, NoReturn

from flask import Blueprint, Response, abort, flash, g, redirect, request, stream_with_context, url_for
from flask_babel import gettext as _
from werkzeug.exceptions import NotFound

from notifyhub.api.resource import or_404
from notifyhub.campaigns import checking, reports, sending, storage
from notifyhub.campaigns.models import CampaignStatus
from notifyhub.campaigns.recipient_files import columns
from notifyhub.campaigns.recipient_files.reading import read
from notifyhub.campaigns.recipient_files.table import MAX_ROWS, Row, UnreadableFile
from notifyhub.campaigns.storage import Content, Settings
from notifyhub.console import visible
from notifyhub.console.blueprint import page
from notifyhub.console.campaign_forms import FileForm, MessageForm, columns_form, read_columns, values_of
from notifyhub.console.operations import may
from notifyhub.console.rendering import render
from notifyhub.console.translation import api_words
from notifyhub.database.base import now
from notifyhub.database.connections import autocommit, transaction
from notifyhub.health.credit import credit_of
from notifyhub.health.views import show_health
from notifyhub.messages.models import Channel
from notifyhub.messages.request_schemas import MAX_BODY_BYTES
from notifyhub.messages.views import send_many

blueprint = Blueprint("campaigns", __name__, url_prefix="/campaigns")

SHOWN_ROWS = 5
SHOWN_ERRORS = 100
_NAME_LENGTH = 255


@blueprint.route("/new", methods=["GET", "POST"])
@page(send_many)
def new() -> Any:
    """Take a file, and make a draft of it."""
    form = FileForm()
    shown = {"form": form, "most_rows": MAX_ROWS, "most_megabytes": MAX_BODY_BYTES // (1024 * 1024)}
    if request.method == "GET":
        return render("campaigns/new.html", **shown)
    given = form.file.data
    try:
        rows = read(given.read()) if given and given.filename else _refuse_absent_file()
    except UnreadableFile as refused:
        form.file.errors = [api_words(str(refused))]
        return render("campaigns/new.html", **shown), 400
    settings = Settings({"channel": _likely_channel(rows)}, header=columns.has_header(rows))
    with transaction() as connection:
        id = storage.create(connection, given.filename[:_NAME_LENGTH], g.caller.name, rows, settings)  # noqa: A001
    return redirect(url_for(".message", id=id))


def _refuse_absent_file() -> NoReturn:
    raise UnreadableFile("Choose a file.")


def _likely_channel(rows: list[Row]) -> str:
    names = rows[0].cells
    by_mail = columns.guess_recipient(names, rows[1:], "email") is not None
    return "email" if by_mail and columns.guess_recipient(names, rows[1:], "sms") is None else "sms"


@blueprint.route("/<id:id>/message", methods=["GET", "POST"])
@page(send_many)
def message(id: int) -> Any:
    """Ask what is sent."""
    draft = _draft(id)
    settings = storage.settings_of(draft)
    form = MessageForm(data=None if request.method == "POST" else values_of(draft.name, settings.common))
    form.offer(visible.accounts(), {channel: visible.patterns(channel) for channel in Channel})
    shown = {"campaign": draft, "form": form}
    if request.method == "GET":
        return render("campaigns/message.html", **shown)
    common = form.common()
    wrong = checking.wrong_in_common(autocommit(), common, now())
    if wrong:
        form.refuse_common(wrong)
        return render("campaigns/message.html", **shown), 400
    if common["channel"] != settings.common.get("channel"):
        settings = replace(settings, recipient=None)
    settings = replace(settings, common=common, args=[])
    name = (form.name.value().strip() or draft.name)[:_NAME_LENGTH]
    return _go_on(id, {"name": name, "settings": asdict(settings)}, ".match")


@blueprint.route("/<id:id>/columns", methods=["GET", "POST"])
@page(send_many)
def match(id: int) -> Any:
    """Ask which columns hold the recipient and what fills the placeholders."""
    draft, settings, content = _draft_with_message(id)
    placeholders = checking.placeholders(autocommit(), settings.common)
    given = request.form if request.method == "POST" else None
    form = columns_form(content.rows, settings, placeholders, given)
    shown = {
        "campaign": draft,
        "form": form,
        "placeholders": placeholders,
        "names": columns.names(content.rows, header=settings.header),
        "filled": columns.filled(content.rows),
        "rows": content.rows[settings.header :][:SHOWN_ROWS],
    }
    if given is None:
        return render("campaigns/columns.html", **shown)
    read_settings = read_columns(form, len(content.rows[0].cells), len(placeholders))
    if read_settings is None:
        return render("campaigns/columns.html", **shown), 400
    return _go_on(id, {"settings": asdict(replace(settings, **read_settings))}, ".check")


def _go_on(id: int, values: dict[str, Any], endpoint: str) -> Any:
    with transaction() as connection:
        storage.change_draft(connection, id, values)
    return redirect(url_for(endpoint, id=id))


@blueprint.get("/<id:id>/check")
@page(send_many)
def check(id: int) -> Any:
    """Show what would be sent, and what is wrong with which rows."""
    draft, settings, content = _draft_with_columns(id)
    checked = checking.check(autocommit(), id, settings, content.rows, now())
    first = checked.shown[0][1] if checked.shown else None
    credit = None
    if first is not None and first.channel == "sms" and may(show_health):
        credit = credit_of(autocommit(), first.notifier.id)
    return render(
        "campaigns/check.html",
        campaign=draft,
        settings=settings,
        checked=checked,
        first=first,
        credit=credit,
        errors=checked.errors[:SHOWN_ERRORS],
        repeated=checked.repeated[:SHOWN_ERRORS],
    )


@blueprint.post("/<id:id>/check")
@page(send_many)
def confirm(id: int) -> Any:
    """Have it sent as it was shown: once, however often this is asked for."""
    draft = or_404(storage.read(autocommit(), id))
    if draft.status == CampaignStatus.DRAFT:
        _draft, settings, content = _draft_with_columns(id)
        checked = checking.check(autocommit(), id, settings, content.rows, now())
        seen = (request.form.get("count", type=int), request.form.get("segments", type=int))
        if not checked.messages or seen != (len(checked.messages), checked.segments):
            flash(_("Something has changed since you saw this check: look at it again."), "warn")
            return redirect(url_for(".check", id=id))
        with transaction() as connection:
            confirmed = sending.confirm(
                connection, id, content, checked, by=g.caller.name, test=g.caller.test
            )
        if confirmed:
            flash(_("The campaign is on its way."), "success")
    sending.send(id)
    return redirect(url_for(".show", id=id) if may("console.campaigns.show") else url_for(".new"))


@blueprint.get("/<id:id>/rows-to-mend")
@page(send_many)
def rows_to_mend(id: int) -> Response:
    """Give the rows that can't be sent, as a file, with what is wrong with each."""
    _campaign, settings, content = _draft_with_columns(id)
    checked = checking.check(autocommit(), id, settings, content.rows, now())
    rows = reports.rows_to_mend(
        content.rows, checked.errors, header=settings.header, title=_("Error"), words=api_words
    )
    return download(reports.lines(rows), f"campaign-{id}-errors.csv")


def download(lines: Any, name: str) -> Response:
    """Return lines of text as a file to keep."""
    response = Response(stream_with_context(lines), mimetype="text/csv")
    response.headers["Content-Disposition"] = f"attachment; filename={name}"
    return response


@blueprint.post("/<id:id>/discard")
@page(send_many)
def discard(id: int) -> Any:
    """Delete a draft with its file."""
    with transaction() as connection:
        storage.delete_draft(connection, id)
    flash(_("The draft is deleted, and its file with it."), "info")
    return redirect(
        url_for(".list_campaigns") if may("console.campaigns.list_campaigns") else url_for(".new")
    )


def _draft(id: int) -> Any:
    row = or_404(storage.read(autocommit(), id))
    if row.status != CampaignStatus.DRAFT:
        abort(redirect(url_for(".show", id=id)))  # it is on its way: who steps back sees how far it is
    return row


def _draft_with_message(id: int) -> tuple[Any, Settings, Content]:
    row = _draft(id)
    return row, storage.settings_of(row), or_404(storage.read_content(autocommit(), id))


def _draft_with_columns(id: int) -> tuple[Any, Settings, Content]:
    row, settings, content = _draft_with_message(id)
    if settings.recipient is None:
        raise NotFound("The columns of this campaign are not chosen yet.")
    return row, settings, content
