"""Messages: the list, one of them, and what can be done with that one."""

from typing import Any

from flask import Blueprint, Response, flash, redirect, request, url_for
from flask_babel import gettext as _
from werkzeug.exceptions import Conflict, NotFound
from werkzeug.wrappers import Response as AnyResponse

from notifyhub.api.endpoint import View
from notifyhub.api.resource import or_404
from notifyhub.audit import pages as audit_pages
from notifyhub.audit import views as audit
from notifyhub.console import explanations, message_search, message_timeline, statuses
from notifyhub.console.blueprint import page
from notifyhub.console.inline_pictures import with_pictures
from notifyhub.console.message_filters import filter_fields, hidden_filters
from notifyhub.console.operations import call, list_page, may
from notifyhub.console.rendering import render
from notifyhub.console.translation import api_words
from notifyhub.database.connections import autocommit
from notifyhub.messages import history as histories
from notifyhub.messages import views
from notifyhub.messages.history import History
from notifyhub.messages.models import MessageStatus
from notifyhub.messages.transitions import CANCELLABLE, RETRIABLE
from notifyhub.process.security_headers import POLICY
from notifyhub.webhooks import history as webhook_history
from notifyhub.webhooks.views import webhooks

blueprint = Blueprint("messages", __name__, url_prefix="/messages")

HTML_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'; sandbox"
)
"""What the HTML of a mail may do: be looked at, in a frame of these pages."""

REFRESHED_SECONDS = 3


@blueprint.get("")
@page(views.list_messages)
def list_messages() -> Any:
    """Give a page of the list; what a form asks for in words of its own leads to the API's."""
    if sought := request.args.get(message_search.SEARCH, "").strip():
        return redirect(_found(sought))
    if not message_search.is_canonical(request.args):
        query = message_search.query(message_search.canonical(request.args))
        return redirect(url_for(".list_messages") + query)
    messages, wrong = list_page(views.list_messages)
    return render(
        "messages/list.html",
        page=messages,
        wrong=wrong,
        fields=filter_fields(),
        hidden=hidden_filters(),
        statuses=statuses,
        changeable=_changeable(messages["results"]),
    )


def _found(sought: str) -> str:
    """Return the address of what somebody looks for: a message by its id, or the list with a filter."""
    id_ = message_search.found_id(sought)
    if id_ is not None and histories.read(autocommit(), id_):
        return url_for(".show", id=id_)
    return url_for(".list_messages") + message_search.query(message_search.filter_for(sought))


def _changeable(messages: list[dict[str, Any]]) -> set[str]:
    """Return what could be done to some of the messages that a page shows, or to others of its filter."""
    found = {message["status"] for message in messages}
    waiting = {*CANCELLABLE, MessageStatus.SENDING}
    actions = {"cancel": waiting & found, "retry": {*RETRIABLE} & found}
    return {action for action, some in actions.items() if some} if may(views.cancel) else set()


@blueprint.get("/<id:id>")
@page(views.show)
def show(id: int) -> str:
    """Give a message: its state, its time line, what it says."""
    message = call(views.show, id=id)
    history = or_404(histories.read(autocommit(), id))
    final = message["status"] in statuses.FINAL
    return render(
        "messages/show.html",
        message=message,
        history=history,
        past=message_timeline.past(message, history, _deliveries(message, history), _audited(message)),
        upcoming=message_timeline.upcoming(message, history),
        explanation=explanations.explain(message, report_due=history.report_due_at is not None),
        erased=explanations.is_erased(message),
        refreshed=None if final else REFRESHED_SECONDS,
        can_cancel=_can_cancel(message, history),
        can_retry=may(views.retry) and message["status"] in RETRIABLE and history.otp_id is None,
        statuses=statuses,
    )


def _can_cancel(message: dict[str, Any], history: History) -> bool:
    waits = message["status"] == MessageStatus.SENDING and history.lease_until is None
    return may(views.cancel) and (message["status"] in CANCELLABLE or waits)


def _deliveries(message: dict[str, Any], history: History) -> list[Any]:
    """Return what webhooks were told of a message, for those who may see that."""
    if not may(webhooks.operations["list"]):
        return []
    moments = message_timeline.moments_of_events(message, history)
    return webhook_history.deliveries_of(autocommit(), "message", message["id"], moments)


def _audited(message: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what people have done to a message or its batch, for those who may see that."""
    if not may(audit.list_entries):
        return []
    objects = [("message", message["id"])]
    if message["batch"]:
        objects.append(("batch", message["batch"]))
    return audit_pages.latest(autocommit(), *objects)


@blueprint.get("/<id:id>/html")
@page(views.show)
def show_html(id: int) -> Response:
    """Give the HTML of a mail, as its reader sees it: nothing in it runs, and nothing is loaded."""
    connection = autocommit()
    html = or_404(histories.read_html(connection, id))
    shown = with_pictures(html, histories.read_pictures(connection, id))
    return Response(shown, mimetype="text/html", headers={POLICY: HTML_POLICY})


@blueprint.post("/<id:id>/cancel")
@page(views.cancel)
def cancel(id: int) -> AnyResponse:
    """Cancel a message."""
    return _change(views.cancel, id, _("The message is cancelled."))


@blueprint.post("/<id:id>/retry")
@page(views.retry)
def retry(id: int) -> AnyResponse:
    """Send a message anew."""
    return _change(views.retry, id, _("The message is sent anew."))


def _change(operation: View, id: int, done: str) -> AnyResponse:
    try:
        call(operation, {}, id=id)
    except Conflict as error:
        flash(api_words(str(error.description)), "bad")
    except NotFound:  # of a test token, too, for which others' messages are not there to be changed
        flash(_("There is no such message, or a test token may not change it."), "bad")
        return redirect(url_for(".list_messages"))
    else:
        flash(done, "success")
    return redirect(url_for(".show", id=id))
