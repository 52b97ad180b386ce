"""Signing in with a token, and out."""

from typing import Any

from flask import Blueprint, flash, g, redirect, request, session, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from werkzeug.exceptions import Unauthorized

from notifyhub.api.changes import Action, ObjectChanged
from notifyhub.api.endpoint import Access
from notifyhub.auth import failures, sessions
from notifyhub.auth.models import Token
from notifyhub.auth.sessions import SESSION_KEY
from notifyhub.auth.tokens import authenticate
from notifyhub.console.addresses import local_path
from notifyhub.console.blueprint import SIGNED_IN, page
from notifyhub.console.forms import ApiForm, Secret
from notifyhub.console.rendering import render
from notifyhub.database.connections import transaction
from notifyhub.events import publish

blueprint = Blueprint("sign_in", __name__)


class SignInForm(ApiForm):
    """A token."""

    token = Secret(lazy_gettext("API token"), render_kw={"autocomplete": "current-password"})


@blueprint.route("/sign-in", methods=["GET", "POST"])
@page(Access.PUBLIC)
def sign_in() -> Any:
    """Give the form, or exchange a token for a session."""
    form = SignInForm()
    target = local_path(request.form.get("next", request.args.get("next")))
    if request.method == "GET":
        return render("sign_in/sign_in.html", form=form, target=target)
    try:
        g.caller = authenticate((form.token.data or "").strip(), None)
    except Unauthorized:
        failures.record()
        form.token.errors = [_("This token does not work. Check that you have copied all of it.")]
        return render("sign_in/sign_in.html", form=form, target=target), 401
    with transaction() as connection:
        key = sessions.begin(connection, g.caller.token_id)
        signed_in = ObjectChanged(Token, g.caller.token_id, g.caller.prefix, Action.SIGN_IN, {})
        publish(connection, signed_in)
    _restart_session()
    session[SESSION_KEY] = key
    return redirect(target)


@blueprint.post("/sign-out")
@page(SIGNED_IN)
def sign_out() -> Any:
    """End the session: a copy of the cookie is worth nothing from now on."""
    with transaction() as connection:
        sessions.end(connection, session[SESSION_KEY])
    _restart_session()
    flash(_("You have signed out."), "info")
    return redirect(url_for("console.sign_in.sign_in"))


def _restart_session() -> None:
    """Forget all of the session but what somebody prefers: a token against forgery is not taken along."""
    kept = {name: session[name] for name in ("language", "theme", "timezone") if name in session}
    session.clear()
    session.update(kept)
    session.permanent = True
