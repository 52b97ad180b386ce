"""The settings: of notifications, of the delivery, of one-time codes."""

from collections.abc import Callable
from typing import Any, NamedTuple

from flask import Blueprint, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext

from notifyhub.api.singleton import Singleton
from notifyhub.console.blueprint import page
from notifyhub.console.change_forms import ChangeForm
from notifyhub.console.form_pages import fill_in, say
from notifyhub.console.operations import call, may
from notifyhub.console.rendering import render
from notifyhub.console.settings_forms import delivery_form, notification_form, otp_form
from notifyhub.settings import views as _registered  # noqa: F401 - what it registers is called
from notifyhub.settings.delivery import delivery_settings
from notifyhub.settings.notification import notification_settings
from notifyhub.settings.otp import otp_settings

blueprint = Blueprint("settings", __name__, url_prefix="/settings")


class Part(NamedTuple):
    """A part of the settings, which has a page: its name, what the API has for it, what makes its form."""

    title: str
    settings: Singleton[Any]
    form: Callable[[dict[str, Any]], ChangeForm]


PARTS = {
    "notifications": Part(lazy_gettext("Notifications"), notification_settings, notification_form),
    "delivery": Part(lazy_gettext("Delivery"), delivery_settings, delivery_form),
    "otp": Part(lazy_gettext("One-time codes"), otp_settings, otp_form),
}
PART = "/<any(notifications, delivery, otp):part>"
VIEW, CHANGE = (notification_settings.operations[name] for name in ("show", "change"))


@blueprint.get("")
@blueprint.get(PART)
@page(VIEW)
def show(part: str = "notifications") -> str:
    """Give the settings as a form, which can be sent by who may change them."""
    settings = call(PARTS[part].settings.operations["show"])
    return _page(part, PARTS[part].form(settings), settings)


@blueprint.post(PART)
@page(CHANGE)
def change(part: str) -> Any:
    """Store what was changed in the form."""
    chosen = PARTS[part]
    settings = call(chosen.settings.operations["show"])
    form = chosen.form(settings)
    return fill_in(
        form,
        chosen.settings.operations["change"],
        show=lambda: _page(part, form, settings),
        done=lambda _settings: say(_("The settings were saved."), url_for(".show", part=part)),
    )


def _page(part: str, form: ChangeForm, settings: dict[str, Any]) -> str:
    return render(
        f"settings/{part}.html",
        part=part,
        parts=PARTS,
        form=form,
        settings=settings,
        may_change=may(CHANGE),
        submitted=request.method == "POST",
    )
