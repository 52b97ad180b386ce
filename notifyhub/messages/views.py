"""The URLs of messages and batches."""

from typing import Any

from flask import Blueprint, g
from sqlalchemy import Connection, select
from werkzeug.exceptions import NotFound

from notifyhub.api.endpoint import Endpoint, Permission, endpoint
from notifyhub.api.http.parsing import body
from notifyhub.api.idempotency import Result
from notifyhub.database.base import now, table_of
from notifyhub.database.connections import autocommit
from notifyhub.events import publish
from notifyhub.messages import transitions
from notifyhub.messages.bulk import compose_all
from notifyhub.messages.composition import compose
from notifyhub.messages.events import MessagesDue
from notifyhub.messages.models import Message
from notifyhub.messages.pages import listing
from notifyhub.messages.references import resolve
from notifyhub.messages.response_schemas import (
    AcceptedBatchSchema,
    BatchSchema,
    MessageDetailSchema,
    MessageSchema,
    PreviewSchema,
)
from notifyhub.messages.schemas import MAX_BODY, BulkSchema, MessageRequestSchema
from notifyhub.messages.serializers import COLUMNS, attempts, message
from notifyhub.messages.storage import batch, store, store_batch

blueprint = Blueprint("messages", __name__, url_prefix="/api/notifications/messages")
batches_blueprint = Blueprint("batches", __name__, url_prefix="/api/notifications/batches")

TAG = "Messages"
NAME = "MessagePermission"
SEND = Permission(7811, NAME, "Send messages")
VIEW = Permission(7812, NAME, "View messages")
CHANGE = Permission(7813, NAME, "Cancel and retry messages")

EXAMPLES = {
    "An SMS": {"channel": "sms", "to": "09121234567", "text": "Your order is on its way."},
    "An email": {
        "channel": "email",
        "to": "customer@example.com",
        "subject": "Your order",
        "text": "It is on its way.",
    },
}

_message, _bulk = MessageRequestSchema(), BulkSchema()
_detail = {200: MessageDetailSchema()}
_SELECT = select(*COLUMNS)
_id = table_of(Message).c.id


@blueprint.post("")
@endpoint(
    Endpoint(
        SEND,
        "Send a message",
        TAG,
        body=_message,
        responses={201: MessageSchema()},
        max_body=MAX_BODY,
        idempotent=True,
        atomic=lambda asked: "attachments" in asked,  # else it is one insertion
        examples=EXAMPLES,
    )
)
def send(connection: Connection, asked: dict[str, Any]) -> Result:
    """Store a message, to be sent."""
    moment = now()
    draft = compose(asked, resolve(connection, [asked]), moment)
    stored = message(store(connection, draft, moment, test=g.caller.test))
    if draft.send_at is None:
        publish(connection, MessagesDue([stored["id"]]))
    return Result(stored)


@blueprint.post("/bulk")
@endpoint(
    Endpoint(
        SEND,
        "Send many messages",
        TAG,
        body=_bulk,
        responses={201: AcceptedBatchSchema()},
        max_body=MAX_BODY,
        idempotent=True,
    )
)
def send_many(connection: Connection, asked: dict[str, Any]) -> Result:
    """Store messages as a batch: all of them or none."""
    moment = now()
    drafts = compose_all(connection, asked, moment)
    stored, due = store_batch(connection, drafts, moment, test=g.caller.test)
    if due:
        publish(connection, MessagesDue(due))
    return Result({"batch": stored, "count": len(drafts)})


@blueprint.post("/preview")
@endpoint(
    Endpoint(
        SEND,
        "Show what a message would be",
        TAG,
        body=_message,
        responses={200: PreviewSchema()},
        max_body=MAX_BODY,
    )
)
def preview() -> dict[str, Any]:
    """Compose a message; nothing is stored or sent."""
    asked = body(_message)
    draft = compose(asked, resolve(autocommit(), [asked]), now())
    return {
        "text": draft.text,
        "encoding": draft.encoding,
        "segments": draft.segments,
        "notifier_data": {"id": draft.notifier.id, "name": draft.notifier.name},
        "to": draft.recipient,
    }


@blueprint.get("")
@endpoint(
    Endpoint(
        VIEW, "List messages", TAG, query=listing.query, responses={200: listing.response}, errors=(404,)
    )
)
def list_messages() -> dict[str, Any]:
    """Give a page of the list."""
    return listing.page()


@blueprint.get("/<id:id>")
@endpoint(Endpoint(VIEW, "Read a message", TAG, responses=_detail, errors=(404,)))
def show(id: int) -> dict[str, Any]:
    """Give a message with its attempts."""
    row = autocommit().execute(_SELECT.where(_id == id)).first()
    if row is None:
        raise NotFound
    return _detailed(row)


@blueprint.post("/<id:id>/cancel")
@endpoint(Endpoint(CHANGE, "Cancel a message", TAG, responses=_detail, errors=(404, 409)))
def cancel(id: int) -> dict[str, Any]:
    """Cancel a message that waits."""
    return _detailed(transitions.cancel(autocommit(), id, test=g.caller.test))


@blueprint.post("/<id:id>/retry")
@endpoint(Endpoint(CHANGE, "Retry a message", TAG, responses=_detail, errors=(404, 409)))
def retry(id: int) -> dict[str, Any]:
    """Send a message anew that has failed."""
    retried = _detailed(transitions.retry(autocommit(), id, test=g.caller.test))
    publish(autocommit(), MessagesDue([id]))
    return retried


def _detailed(row: Any) -> dict[str, Any]:
    return {**message(row), "attempts": attempts(autocommit(), row[0])}


@batches_blueprint.get("/<id:id>")
@endpoint(Endpoint(VIEW, "Read a batch", TAG, responses={200: BatchSchema()}, errors=(404,)))
def show_batch(id: int) -> dict[str, Any]:
    """Give a batch, with the number of its messages in each status."""
    found = batch(autocommit(), id)
    if found is None:
        raise NotFound
    return found
