"""The URLs of notifiers and patterns at which their provider is asked."""

from dataclasses import asdict
from functools import partial
from typing import Any

from flask import Blueprint, g
from sqlalchemy import bindparam, select
from werkzeug.exceptions import BadGateway, BadRequest

from notifyhub.api.endpoint import endpoint
from notifyhub.api.http.parsing import query
from notifyhub.api.resource import found
from notifyhub.database.base import table_of
from notifyhub.database.connections import autocommit, release, transaction
from notifyhub.delivery.schemas import NotifierCheckSchema, PatternSyncQuerySchema, PatternSyncSchema
from notifyhub.notifiers.checks import check
from notifyhub.notifiers.clients import sms_backend_of, smtp_of
from notifyhub.notifiers.models import EmailNotifier, SMSNotifier
from notifyhub.notifiers.views import email_notifiers, sms_notifiers
from notifyhub.patterns import sync
from notifyhub.patterns.views import sms_patterns
from notifyhub.providers.errors import Failure

blueprint = Blueprint("delivery", __name__, url_prefix="/api/notifications/notifiers")

_sms, _email = table_of(SMSNotifier), table_of(EmailNotifier)
_SMS = select(_sms.c.backend, _sms.c.settings).where(_sms.c.id == bindparam("id"))
_EMAIL = select(_email).where(_email.c.id == bindparam("id"))

_checked = {"answers": {200: NotifierCheckSchema()}, "refusals": (404,)}
_sync_query = PatternSyncQuerySchema()


@blueprint.post("/sms/<id:id>/check")
@endpoint(sms_notifiers.declare("view", "Check an SMS notifier at its provider", **_checked))
def check_sms_notifier(id: int) -> dict[str, Any]:
    """Talk to the provider with the stored settings, for 10 seconds at most.

    The database is not held meanwhile. A process makes four such calls at once; beyond them it answers 429.
    """
    notifier = found(autocommit().execute(_SMS, {"id": id}).first())
    release()
    return asdict(check(partial(sms_backend_of, *notifier), test=g.caller.test))


@blueprint.post("/email/<id:id>/check")
@endpoint(email_notifiers.declare("view", "Check an email notifier at its mail server", **_checked))
def check_email_notifier(id: int) -> dict[str, Any]:
    """Log in at the mail server with the stored password, for 10 seconds at most.

    The database is not held meanwhile. A process makes four such calls at once; beyond them it answers 429.
    """
    notifier = found(autocommit().execute(_EMAIL, {"id": id}).first())
    release()
    return asdict(check(partial(smtp_of, notifier._asdict()), test=g.caller.test))


@blueprint.post("/sms/<id:notifier_id>/patterns/sync")
@endpoint(
    sms_patterns.declare(
        "change",
        "Bring SMS patterns up to what the provider keeps",
        query=_sync_query,
        answers={200: PatternSyncSchema()},
        refusals=(400, 404, 502),
    )
)
def sync_patterns(notifier_id: int) -> dict[str, int]:
    """Read the provider's patterns, without the database, then bring ours up to them in one transaction.

    Reading takes 30 seconds at most. It is one of the four calls that a process makes at once; beyond them it
    answers 429.
    """
    notifier = found(autocommit().execute(_SMS, {"id": notifier_id}).first())
    create: bool = query(_sync_query)["create"]
    release()
    try:
        backend = sync.source(*notifier)
    except Failure as failure:
        raise BadRequest(failure.detail) from failure
    try:
        provided = [] if g.caller.test else sync.read(backend)
    except Failure as failure:
        raise BadGateway(failure.detail or failure.code) from failure
    with transaction() as session:
        counts = sync.sync(session, notifier_id, provided, create=create)
    return asdict(counts)
