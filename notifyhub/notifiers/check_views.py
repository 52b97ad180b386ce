"""The URLs at which notifiers are checked."""

from dataclasses import asdict
from typing import Any

from flask import Blueprint, g
from sqlalchemy import Row, Select, bindparam, select

from notifyhub.api.changes import Action, ObjectChanged
from notifyhub.api.endpoint import endpoint
from notifyhub.api.resource import or_404
from notifyhub.database.base import Base, table_of
from notifyhub.database.connections import autocommit, release
from notifyhub.events import publish
from notifyhub.notifiers.backends import email_backend, sms_backend
from notifyhub.notifiers.checks import Check, check
from notifyhub.notifiers.models import EmailNotifier, SMSNotifier
from notifyhub.notifiers.schemas import NotifierCheckSchema
from notifyhub.notifiers.views import email_notifiers, sms_notifiers
from notifyhub.providers.registry import can_send_texts

blueprint = Blueprint("checks", __name__, url_prefix="/api/notifications/notifiers")

_sms, _email = table_of(SMSNotifier), table_of(EmailNotifier)
_sms_settings = select(_sms.c.name, _sms.c.backend, _sms.c.settings).where(_sms.c.id == bindparam("id"))
_email_settings = select(_email).where(_email.c.id == bindparam("id"))

_checked = {"responses": {200: NotifierCheckSchema()}, "errors": (404,)}


@blueprint.post("/sms/<id:id>/check")
@endpoint(
    sms_notifiers.declare(
        "view",
        "Check an SMS notifier at its provider",
        operation_id="delivery_check_sms_notifier",
        **_checked,
    )
)
def check_sms_notifier(id: int) -> dict[str, Any]:
    """Talk to the provider with the stored settings, for 10 seconds at most.

    Settings without the number that texts are sent from are not `ok`, though patterns may need none. The
    database is not held meanwhile. A process makes four such calls at once; beyond them it answers 429.
    """
    notifier = _read(_sms_settings, id)
    found = check(
        lambda: sms_backend(notifier.backend, notifier.settings),
        sends_texts=can_send_texts(notifier.backend, notifier.settings),
        test=g.caller.test,
    )
    return _answer(SMSNotifier, id, notifier.name, found)


@blueprint.post("/email/<id:id>/check")
@endpoint(
    email_notifiers.declare(
        "view",
        "Check an email notifier at its mail server",
        operation_id="delivery_check_email_notifier",
        **_checked,
    )
)
def check_email_notifier(id: int) -> dict[str, Any]:
    """Log in at the mail server with the stored password, for 10 seconds at most.

    The database is not held meanwhile. A process makes four such calls at once; beyond them it answers 429.
    """
    notifier = _read(_email_settings, id)
    found = check(lambda: email_backend(notifier._asdict()), test=g.caller.test)
    return _answer(EmailNotifier, id, notifier.name, found)


def _read(query: Select[Any], id: int) -> Row[Any]:
    """Return a notifier's row, and give the connection back before the provider is called."""
    notifier = or_404(autocommit().execute(query, {"id": id}).first())
    release()
    return notifier


def _answer(model: type[Base], id: int, name: str, found: Check) -> dict[str, Any]:
    """Return what came of a check, which is published now that it is over."""
    publish(autocommit(), ObjectChanged(model, id, name, Action.CHECK, {}))
    return asdict(found)
