"""Patterns of SMS and of mails."""

from typing import Any

from flask import Blueprint, Response, flash, make_response, redirect, url_for
from flask_babel import gettext as _
from werkzeug.exceptions import BadGateway, BadRequest

from notifyhub.console.account_state import pattern_of_codes
from notifyhub.console.blueprint import page
from notifyhub.console.channels import SMS, Kind, page_of_each
from notifyhub.console.confirmation import confirm
from notifyhub.console.form_pages import fill_in, say
from notifyhub.console.formats import sentence
from notifyhub.console.forms import ApiForm
from notifyhub.console.operations import call, list_page, may
from notifyhub.console.pattern_forms import STATUSES, EmailPatternForm, form_of
from notifyhub.console.pattern_preview import CONTENT_POLICY, picture, placeholders
from notifyhub.console.rendering import render
from notifyhub.console.translation import api_words
from notifyhub.database.connections import autocommit
from notifyhub.notifiers.names import name_of
from notifyhub.patterns.sync_views import sync_patterns
from notifyhub.patterns.views import email_patterns
from notifyhub.process.security_headers import POLICY
from notifyhub.text.segments import measure
from notifyhub.text.truncation import truncate

blueprint = Blueprint("patterns", __name__)

MAX_FLASHED_CHARACTERS = 300
"""Of a provider's words: they go through the cookie, of which browsers take 4096 bytes."""

PATTERNS = "/<id:notifier_id>/patterns"
PATTERN = f"{PATTERNS}/<id:id>"


@page_of_each(blueprint, PATTERNS, lambda kind: kind.patterns.operations["list"])
def list_of(kind: Kind, notifier_id: int) -> str:
    """Give the list of an account's patterns."""
    patterns, wrong = list_page(kind.patterns.operations["list"], notifier_id=notifier_id)
    return render(
        "patterns/list.html",
        kind=kind,
        account=_account(kind, notifier_id),
        page=patterns,
        wrong=wrong,
        statuses=STATUSES,
    )


@page_of_each(blueprint, PATTERN, lambda kind: kind.patterns.operations["read"])
def show(kind: Kind, notifier_id: int, id: int) -> str:
    """Give a pattern's page."""
    pattern = call(kind.patterns.operations["read"], notifier_id=notifier_id, id=id)
    return render(
        "patterns/show.html",
        kind=kind,
        account=_account(kind, notifier_id),
        pattern=pattern,
        placeholders=placeholders(kind, pattern),
        measure=measure(pattern["body"]) if kind is SMS else None,
        names_codes=pattern_of_codes(kind) == id,
    )


@page_of_each(blueprint, f"{PATTERNS}/new", lambda kind: kind.patterns.operations["create"], "GET", "POST")
def create(kind: Kind, notifier_id: int) -> Any:
    """Give the form of a new pattern, or store what it says."""
    account = _account(kind, notifier_id)
    form = form_of(kind)(is_new=True)
    return fill_in(
        form,
        kind.patterns.operations["create"],
        notifier_id=notifier_id,
        show=lambda: _form_page(kind, account, form),
        done=lambda made: say(_("The pattern was created."), _url("show", kind, notifier_id, made["id"])),
    )


@page_of_each(blueprint, f"{PATTERN}/edit", lambda kind: kind.patterns.operations["update"], "GET", "POST")
def edit(kind: Kind, notifier_id: int, id: int) -> Any:
    """Give the form of a pattern, or store what was changed in it."""
    account = _account(kind, notifier_id)
    pattern = call(kind.patterns.operations["read"], notifier_id=notifier_id, id=id)
    form = form_of(kind)(data=pattern)
    return fill_in(
        form,
        kind.patterns.operations["update"],
        notifier_id=notifier_id,
        id=id,
        show=lambda: _form_page(kind, account, form, pattern),
        done=lambda _pattern: say(_("The pattern was saved."), _url("show", kind, notifier_id, id)),
    )


def _form_page(
    kind: Kind, account: dict[str, Any], form: ApiForm, pattern: dict[str, Any] | None = None
) -> str:
    back = (
        _url("show", kind, account["id"], pattern["id"]) if pattern else _url("list_of", kind, account["id"])
    )
    return render("patterns/form.html", kind=kind, account=account, form=form, pattern=pattern, back=back)


@page_of_each(blueprint, f"{PATTERN}/delete", lambda kind: kind.patterns.operations["delete"], "GET", "POST")
def delete(kind: Kind, notifier_id: int, id: int) -> Any:
    """Ask once, and delete a pattern."""
    account = _account(kind, notifier_id)
    pattern = call(kind.patterns.operations["read"], notifier_id=notifier_id, id=id)
    return confirm(
        lambda: call(kind.patterns.operations["delete"], notifier_id=notifier_id, id=id),
        title=sentence(_("Delete the pattern %(name)s"), name=pattern["name"]),
        question=sentence(
            _("Do you want to delete the pattern “%(name)s” of the account “%(account)s”?"),
            name=pattern["name"],
            account=account["name"],
        ),
        lines=[
            _("Messages that were sent by it stay readable."),
            _("Clients that send by it are refused from then on."),
            _("This can't be undone."),
        ],
        action=_("Delete the pattern"),
        done=_("The pattern was deleted."),
        back=_url("show", kind, notifier_id, id),
        target=_url("list_of", kind, notifier_id),
    )


@blueprint.post(f"/sms{PATTERNS}/sync")
@page(sync_patterns)
def sync(notifier_id: int) -> Any:
    """Bring an account's patterns up to what its provider keeps, and show what came of it."""
    try:
        result = call(sync_patterns, notifier_id=notifier_id)
    except (BadRequest, BadGateway) as error:
        flash(truncate(api_words(str(error.description)), MAX_FLASHED_CHARACTERS), "bad")
        return redirect(_url("list_of", SMS, notifier_id))
    return render("patterns/sync.html", kind=SMS, account=_account(SMS, notifier_id), result=result)


@blueprint.get(f"/email{PATTERN}/picture")
@page(email_patterns.operations["read"])
def show_picture(notifier_id: int, id: int) -> Response:
    """Give the picture of a mail pattern, for a frame."""
    pattern = call(email_patterns.operations["read"], notifier_id=notifier_id, id=id)
    return _framed(pattern["subject"], pattern["body_text"], pattern["body_html"])


@blueprint.post(f"/email{PATTERNS}/picture")
@page(email_patterns.operations["create"])
def preview_new(notifier_id: int) -> Response:  # noqa: ARG001 - whose pattern it becomes
    """Give the picture of a mail pattern that is being written."""
    return _preview()


@blueprint.post(f"/email{PATTERN}/picture")
@page(email_patterns.operations["update"])
def preview_changed(notifier_id: int, id: int) -> Response:  # noqa: ARG001 - whose pattern it is
    """Give the picture of a mail pattern that is being changed."""
    return _preview()


def _preview() -> Response:
    form = EmailPatternForm()
    return _framed(form.subject.value(), form.body_text.value(), form.body_html.value())


def _framed(subject: str, text: str, html: str | None) -> Response:
    """Return the picture with a policy of its own: a mail runs nothing, and loads nothing from elsewhere."""
    response = make_response(picture(subject, text, html))
    response.headers[POLICY] = CONTENT_POLICY
    return response


def _account(kind: Kind, id: int) -> dict[str, Any]:
    """Return the id and name of an account; raises NotFound."""
    return {"id": id, "name": name_of(autocommit(), kind.notifiers.model, id)}


def _url(view: str, kind: Kind, notifier_id: int, id: int | None = None) -> str:
    """Return the address of one of these pages; that of the first of all to who may not see it."""
    endpoint = f".{view}_{kind.channel}"
    if not may(kind.patterns.operations["list"]):
        return url_for("console.overview.show")
    if id is None:
        return url_for(endpoint, notifier_id=notifier_id)
    return url_for(endpoint, notifier_id=notifier_id, id=id)
