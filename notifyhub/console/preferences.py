"""What somebody prefers: language, colours, time zone. The cookie keeps it, also after a sign-out."""

from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from flask import Blueprint, current_app, redirect, render_template, request, session
from werkzeug.exceptions import BadRequest

from notifyhub.api.endpoint import Access
from notifyhub.console.addresses import local_path
from notifyhub.console.blueprint import SIGNED_IN, page
from notifyhub.console.translation import LANGUAGES

blueprint = Blueprint("preferences", __name__, url_prefix="/preferences")

THEMES = ("auto", "light", "dark")
TIMEZONES = sorted(name for name in available_timezones() if "/" in name or name == "UTC")
CHOICES = {"language": frozenset(LANGUAGES), "theme": frozenset(THEMES), "timezone": frozenset(TIMEZONES)}


def language() -> str:
    """Return the code of the chosen language, else of the one that the browser likes best."""
    chosen = session.get("language")
    return chosen or request.accept_languages.best_match(list(LANGUAGES)) or next(iter(LANGUAGES))


def theme() -> str:
    """Return the chosen colours."""
    return str(session.get("theme", THEMES[0]))


def timezone() -> ZoneInfo:
    """Return the chosen time zone, else the configured one."""
    return ZoneInfo(session.get("timezone") or current_app.config["TIMEZONE"])


@blueprint.get("")
@page(SIGNED_IN)
def show() -> str:
    """Give the form."""
    return render_template("console/preferences.html", themes=THEMES, timezones=TIMEZONES)


@blueprint.post("")
@page(Access.PUBLIC)
def change() -> Any:
    """Keep what the form names, and lead back to where it was."""
    for name, allowed in CHOICES.items():
        value = request.form.get(name)
        if value is None:
            continue
        if value not in allowed:
            raise BadRequest("There is no such choice.")
        session[name] = value
    session.permanent = True
    return redirect(local_path(request.form.get("next")))
