"""Sending of one message, by a text or by a pattern, with a look at what it will be."""

import secrets
from typing import Any

from flask import Blueprint, flash, redirect, request, url_for
from flask_babel import gettext as _
from marshmallow import ValidationError
from werkzeug.exceptions import UnprocessableEntity

from notifyhub.console import visible
from notifyhub.console.blueprint import page
from notifyhub.console.formats import number
from notifyhub.console.forms import submit
from notifyhub.console.operations import call, may
from notifyhub.console.rendering import render
from notifyhub.console.sending_form import EXAMPLES, Shape, is_id, make_form
from notifyhub.database.connections import autocommit
from notifyhub.messages import choices, views
from notifyhub.messages.models import Channel

blueprint = Blueprint("sending", __name__, url_prefix="/send")

KEY = "key"
"""The hidden field by which a form that is sent twice is known."""
CHOOSE = "choose"
"""The button that shows a chosen pattern's fields."""


@blueprint.route("", methods=["GET", "POST"])
@page(views.send)
def send() -> Any:
    """Give the form, or send the message."""
    shape = _shape()
    form = make_form(shape)
    if request.method == "GET" and shape.by_pattern:  # of a pattern's own page
        form["pattern"].data = request.args.get("pattern")
    if request.method == "GET" or CHOOSE in request.form:
        return _form(form, shape)
    try:
        sent = submit(form, views.send, idempotency_key=request.form.get(KEY) or None)
    except UnprocessableEntity:  # its first sending has succeeded, and then it was changed
        form.form_errors.append(
            _("This form was sent already, with other contents. Send it again if that is meant.")
        )
        return _form(form, shape, key=_new_key()), 409
    if sent is None:
        return _form(form, shape), 400
    if may(views.show):
        return redirect(url_for("console.messages.show", id=sent["id"]))
    flash(_("The message is accepted. Its id is %(id)s.", id=sent["id"]), "success")
    return redirect(url_for(".send", channel=shape.channel))


@blueprint.post("/preview")
@page(views.preview)
def preview() -> Any:
    """Give the form with what the message would be; a recipient need not be given yet."""
    shape = _shape()
    form = make_form(shape)
    if form.to.data:
        seen = submit(form, views.preview)
        return _form(form, shape, seen=seen, asked=True)
    try:
        seen = call(views.preview, {**form.document(), "to": EXAMPLES[shape.channel]})
    except ValidationError as error:
        words = {name: each for name, each in error.normalized_messages().items() if name != "to"}
        form.refuse(words)
        seen = None
    return _form(form, shape, seen=seen and {**seen, "to": None}, asked=True)


def _shape() -> Shape:
    """Return which fields the form has, by the address, and by the pattern that is chosen."""
    channel = Channel.EMAIL if request.args.get("channel") == Channel.EMAIL else Channel.SMS
    if request.args.get("by") != "pattern" or not visible.shows_patterns(channel):
        accounts = [one for one in visible.accounts() if one.channel is channel and one.sends_texts]
        return Shape(channel, by_pattern=False, accounts=accounts)
    chosen = request.values.get("pattern", "")
    fields = choices.placeholders(autocommit(), channel, int(chosen)) if is_id(chosen) else None
    patterns = visible.patterns(channel, int(chosen) if is_id(chosen) else None)
    return Shape(channel, by_pattern=True, patterns=patterns, placeholders=fields)


def _new_key() -> str:
    return secrets.token_urlsafe(18)


def _form(form: Any, shape: Shape, *, seen: Any = None, asked: bool = False, key: str | None = None) -> str:
    """Return the page; `seen` is what the message would be, if that is asked for and can be said."""
    return render(
        "sending/send.html",
        form=form,
        shape=shape,
        key=key or request.form.get(KEY) or _new_key(),
        seen=seen,
        asked=asked,
        most_patterns=choices.MAX_CHOICES,
        segments=seen and number(seen["segments"]),
        may_use_patterns={channel: visible.shows_patterns(channel) for channel in Channel},
    )
