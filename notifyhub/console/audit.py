"""The audit: who has changed what."""

from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, redirect, request
from flask_babel import lazy_gettext

from notifyhub.api.changes import Action
from notifyhub.audit import views
from notifyhub.audit.models import Via
from notifyhub.console import moments
from notifyhub.console.blueprint import page
from notifyhub.console.operations import list_page
from notifyhub.console.rendering import render

blueprint = Blueprint("audit", __name__, url_prefix="/audit")

ACTIONS = {
    Action.CREATE: lazy_gettext("created"),
    Action.CHANGE: lazy_gettext("changed"),
    Action.DELETE: lazy_gettext("deleted"),
    Action.CHECK: lazy_gettext("checked"),
    Action.SYNC: lazy_gettext("synchronized"),
    Action.RETRY: lazy_gettext("retried"),
    Action.CANCEL: lazy_gettext("cancelled"),
    Action.ROTATE: lazy_gettext("rotated the secret of"),
    Action.ISSUE: lazy_gettext("issued"),
    Action.REVOKE: lazy_gettext("revoked"),
    Action.SIGN_IN: lazy_gettext("signed in with"),
}
TYPES = {
    "sms_notifier": lazy_gettext("SMS account"),
    "email_notifier": lazy_gettext("mail account"),
    "sms_pattern": lazy_gettext("SMS pattern"),
    "email_pattern": lazy_gettext("mail pattern"),
    "notification_settings": lazy_gettext("notification settings"),
    "delivery_settings": lazy_gettext("delivery settings"),
    "otp_settings": lazy_gettext("settings of codes"),
    "webhook": lazy_gettext("webhook"),
    "user": lazy_gettext("user"),
    "token": lazy_gettext("token"),
    "message": lazy_gettext("message"),
    "batch": lazy_gettext("batch"),
}
PLACES = {
    Via.API: lazy_gettext("API"),
    Via.CONSOLE: lazy_gettext("console"),
    Via.COMMAND: lazy_gettext("command"),
}

_DAYS = {"created_from": moments.first_moment, "created_to": moments.last_moment}
"""What days that people type become in the page's address."""


def written(value: Any) -> str:
    """Return a value of a change in one line; of objects and lists their entries."""
    if value is None:
        return "–"
    if isinstance(value, dict):
        return ", ".join(f"{key}: {written(inner)}" for key, inner in value.items()) or "–"
    if isinstance(value, list):
        return ", ".join(written(inner) for inner in value) or "–"
    return str(value)


@blueprint.get("")
@page(views.list_entries)
def list_entries() -> Any:
    """Give a page of the entries, the latest first."""
    asked = {name: convert(request.args.get(name, "")) for name, convert in _DAYS.items()}
    if any(request.args.get(name, "") != value for name, value in asked.items()):
        return redirect(f"{request.path}?{urlencode({**request.args, **asked})}")
    found, wrong = list_page(views.list_entries)
    return render(
        "audit/list.html",
        page=found,
        wrong=wrong,
        actions=ACTIONS,
        types=TYPES,
        places=PLACES,
        written=written,
    )
