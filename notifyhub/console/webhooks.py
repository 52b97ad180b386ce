"""Webhooks and their deliveries."""

from typing import Any

from flask import Blueprint, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext, ngettext

from notifyhub.console import once
from notifyhub.console.blueprint import page
from notifyhub.console.change_forms import ChangeForm
from notifyhub.console.confirmation import confirm
from notifyhub.console.form_pages import fill_in, say
from notifyhub.console.formats import code, number
from notifyhub.console.forms import ApiForm, Boxes, Flag, LastMomentText, MomentText, Text, options
from notifyhub.console.operations import call, list_page
from notifyhub.console.rendering import render
from notifyhub.webhooks import views
from notifyhub.webhooks.models import Event
from notifyhub.webhooks.views import webhooks

blueprint = Blueprint("webhooks", __name__, url_prefix="/webhooks")

EVENTS = {
    Event.MESSAGE_SENT: lazy_gettext("A message was sent"),
    Event.MESSAGE_DELIVERED: lazy_gettext("A message was delivered"),
    Event.MESSAGE_UNDELIVERED: lazy_gettext("A message was not delivered"),
    Event.MESSAGE_FAILED: lazy_gettext("A message has failed, or expired"),
    Event.PATTERN_STATUS_CHANGED: lazy_gettext("A pattern was approved or rejected"),
    Event.OTP_VERIFIED: lazy_gettext("A code was verified"),
    Event.NOTIFIER_RESTING: lazy_gettext("An account rests"),
    Event.NOTIFIER_RECOVERED: lazy_gettext("An account works again"),
    Event.NOTIFIER_CREDIT_LOW: lazy_gettext("An account's credit is low"),
    Event.WORKER_MISSING: lazy_gettext("No worker is running"),
    Event.WORKER_RECOVERED: lazy_gettext("A worker is there again"),
    Event.SCHEDULER_MISSING: lazy_gettext("No scheduler is running"),
    Event.SCHEDULER_RECOVERED: lazy_gettext("A scheduler is there again"),
    Event.WEBHOOK_DISABLED: lazy_gettext("A webhook was disabled"),
}


class WebhookForm(ChangeForm):
    """A webhook."""

    url = Text(lazy_gettext("Address"), render_kw={"type": "url", "inputmode": "url"})
    events = Boxes(
        lazy_gettext("Events"),
        choices=options((event.value, EVENTS[event]) for event in Event),
        validate_choice=False,
    )
    is_active = Flag(lazy_gettext("Events are sent"), default=True)


class RecoveryForm(ApiForm):
    """A span of time."""

    since = MomentText(lazy_gettext("Since"))
    until = LastMomentText(lazy_gettext("Until"))


@blueprint.get("")
@page(webhooks.operations["list"])
def list_webhooks() -> str:
    """List the webhooks."""
    found, wrong = list_page(webhooks.operations["list"])
    return render("webhooks/list.html", page=found, wrong=wrong, events=EVENTS)


@blueprint.route("/new", methods=["GET", "POST"])
@page(webhooks.operations["create"])
def create() -> Any:
    """Make a webhook; its secret is on the page that follows, and on no other."""
    form = WebhookForm(is_new=True)
    if once.is_used():
        return once.lead_on(url_for(".list_webhooks"))
    return fill_in(
        form,
        webhooks.operations["create"],
        show=lambda: render("webhooks/edit.html", form=form, webhook=None),
        done=lambda made: _show_secret(made, made["secret"]),
    )


def _show_secret(webhook: dict[str, Any], secret: str) -> str:
    once.use()
    return render("webhooks/secret.html", webhook=webhook, secret=secret)


@blueprint.get("/<id:id>")
@page(webhooks.operations["read"])
def show(id: int) -> str:
    """Show a webhook with its deliveries."""
    webhook = call(webhooks.operations["read"], id=id)
    deliveries, wrong = list_page(views.list_deliveries, id=id)
    return render("webhooks/show.html", webhook=webhook, page=deliveries, wrong=wrong, events=EVENTS)


@blueprint.route("/<id:id>/edit", methods=["GET", "POST"])
@page(webhooks.operations["update"])
def edit(id: int) -> Any:
    """Change a webhook."""
    webhook = call(webhooks.operations["read"], id=id)
    form = WebhookForm(data=webhook)
    return fill_in(
        form,
        webhooks.operations["update"],
        id=id,
        show=lambda: render("webhooks/edit.html", form=form, webhook=webhook),
        done=lambda _webhook: say(_("The webhook was saved."), url_for(".show", id=id)),
    )


@blueprint.route("/<id:id>/delete", methods=["GET", "POST"])
@page(webhooks.operations["delete"])
def delete(id: int) -> Any:
    """Delete a webhook, with its deliveries."""
    webhook = call(webhooks.operations["read"], id=id)
    return confirm(
        lambda: call(webhooks.operations["delete"], id=id),
        title=_("Delete the webhook"),
        question=_("The webhook and the record of its deliveries are deleted. Nothing more is sent to it."),
        lines=[code(webhook["url"])],
        action=_("Delete"),
        done=_("The webhook was deleted."),
        back=url_for(".show", id=id),
        target=url_for(".list_webhooks"),
    )


@blueprint.route("/<id:id>/rotate", methods=["GET", "POST"])
@page(views.rotate_secret)
def rotate(id: int) -> Any:
    """Give a webhook another secret, which the page that follows shows, and no other."""
    webhook = call(webhooks.operations["read"], id=id)
    if once.is_used():
        return once.lead_on(url_for(".show", id=id))
    if request.method == "POST":
        return _show_secret(webhook, call(views.rotate_secret, id=id)["secret"])
    return render(
        "confirm.html",
        title=_("Rotate the secret"),
        question=_("A new secret is made. The old one signs along for 24 hours; then it is worth nothing."),
        lines=[code(webhook["url"])],
        action=_("Rotate"),
        is_once=True,
        back=url_for(".show", id=id),
    )


@blueprint.post("/<id:id>/test")
@page(views.send_test)
def send_test(id: int) -> Any:
    """Send an event that says nothing."""
    call(views.send_test, {}, id=id)
    return say(
        _("A test event is on its way; the list below shows what comes of it."), url_for(".show", id=id)
    )


@blueprint.post("/<id:id>/deliveries/<id:delivery_id>/redeliver")
@page(views.redeliver)
def redeliver(id: int, delivery_id: int) -> Any:
    """Send an event again."""
    call(views.redeliver, {}, id=id, delivery_id=delivery_id)
    return say(_("The event is sent again."), url_for(".show", id=id))


@blueprint.route("/<id:id>/recover", methods=["GET", "POST"])
@page(views.recover)
def recover(id: int) -> Any:
    """Send all events of a span of time again whose deliveries have failed."""
    webhook = call(webhooks.operations["read"], id=id)
    form = RecoveryForm()
    return fill_in(
        form,
        views.recover,
        id=id,
        show=lambda: render("webhooks/recover.html", form=form, webhook=webhook),
        done=lambda answer: _say_recovered(answer["count"], url_for(".show", id=id)),
    )


def _say_recovered(count: int, target: str) -> Any:
    if not count:
        words = _("No delivery has failed in this time: nothing is sent again.")
        return say(words, target, category="warn")
    return say(
        ngettext("%(n)s event is sent again.", "%(n)s events are sent again.", count, n=number(count)), target
    )
