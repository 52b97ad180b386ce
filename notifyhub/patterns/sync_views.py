"""The URL at which patterns are brought up to what their provider keeps."""

from typing import Any

from flask import Blueprint, g
from sqlalchemy import bindparam, select
from werkzeug.exceptions import BadGateway, BadRequest

from notifyhub.api.endpoint import endpoint
from notifyhub.api.http.parsing import query
from notifyhub.api.resource import or_404
from notifyhub.database.base import table_of
from notifyhub.database.connections import autocommit, orm_session, release
from notifyhub.notifiers.models import SMSNotifier
from notifyhub.patterns import sync
from notifyhub.patterns.schemas import PatternSyncQuerySchema, PatternSyncSchema
from notifyhub.patterns.views import sms_patterns
from notifyhub.providers.errors import Failure

blueprint = Blueprint("sync", __name__, url_prefix="/api/notifications/notifiers")

_sms = table_of(SMSNotifier)
_notifier = select(_sms.c.backend, _sms.c.settings).where(_sms.c.id == bindparam("id"))

_sync_query = PatternSyncQuerySchema()


@blueprint.post("/sms/<id:notifier_id>/patterns/sync")
@endpoint(
    sms_patterns.declare(
        "change",
        "Bring SMS patterns up to what the provider keeps",
        query=_sync_query,
        responses={200: PatternSyncSchema()},
        errors=(400, 404, 502),
        operation_id="delivery_sync_patterns",
    )
)
def sync_patterns(notifier_id: int) -> dict[str, Any]:
    """Read the provider's patterns, without the database, then bring ours up to them in one transaction.

    Reading takes 30 seconds at most. It is one of the four calls that a process makes at once; beyond them it
    answers 429.
    """
    notifier = or_404(autocommit().execute(_notifier, {"id": notifier_id}).first())
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
    with orm_session() as session:
        result = sync.sync(session, notifier_id, provided, create=create)
    return sync.response(result)
